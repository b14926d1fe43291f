// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "json.h"

#include "session.h"

namespace twill::jobs {

json measured_with(const std::string& model, const std::string& device, const std::string& dtype,
                   const report::ClipSettings& clip) {
  return {{"model", model},         {"device", device},         {"dtype", dtype},
          {"twill", TWILL_VERSION}, {"torch", torch_version()}, {"sampler", *clip.sampler},
          {"shift", *clip.shift},   {"steps", *clip.steps},     {"width", *clip.width},
          {"height", *clip.height}, {"frames", *clip.frames}};
}

}  // namespace twill::jobs
