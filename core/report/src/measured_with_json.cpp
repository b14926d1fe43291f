// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "measured_with_json.h"

namespace twill::report {

json to_json_value(const MeasuredWith& with) {
  const ClipSettings& clip = with.clip;
  json value{
      {"model", with.model},         {"device", with.device},       {"dtype", with.dtype},
      {"twill", with.twill_version}, {"torch", with.torch_version}, {"sampler", *clip.sampler},
      {"shift", *clip.shift},        {"steps", *clip.steps},        {"width", *clip.width},
      {"height", *clip.height},      {"frames", *clip.frames}};
  if (!clip.loras.empty()) {
    value["loras"] = lora_texts(clip.loras);
  }
  if (!with.facts.empty()) {
    value["run"] = with.facts;
  }
  return value;
}

}  // namespace twill::report
