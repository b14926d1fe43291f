// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "models/architectures.h"

#include <array>

namespace twill::engine {

std::span<const Architecture> architectures() {
  static constexpr std::array kArchitectures{Architecture{.name = "wan",
                                                          .load = load_wan,
                                                          .load_text = load_wan_text,
                                                          .describe = describe_wan_checkpoint,
                                                          .load_tae = load_wan_tae,
                                                          .recognise = recognise_wan}};
  return kArchitectures;
}

}  // namespace twill::engine
