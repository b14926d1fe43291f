// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Numbers as JSON values of nlohmann/json, which those who call this include themselves. JSON has
// no infinity, and the PSNR of equal clips is one: null. Earlier versions wrote "inf".
#pragma once

#include <cmath>
#include <limits>

namespace twill {

template <typename Json>
Json json_number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

template <typename Json>
double number_from(const Json& value) {
  return value.is_number() ? value.template get<double>() : std::numeric_limits<double>::infinity();
}

}  // namespace twill
