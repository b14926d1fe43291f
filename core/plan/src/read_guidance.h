// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "json_value.h"
#include "twill/plan/guidance.h"

namespace twill {

// Of an entry's "cfg" and, where two experts have two scales, "cfg_second".
inline Guidance read_guidance(const JsonValue& entry) {
  Guidance guidance = entry.at("cfg").as_number();
  if (const auto second = entry.find("cfg_second")) {
    guidance.second = second->as_number();
  }
  return guidance;
}

}  // namespace twill
