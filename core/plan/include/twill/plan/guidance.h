// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Scales of the classifier-free guidance.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace twill {

// One scale for a run, or one for each of two experts. 1 is no guidance: one forward a step.
struct Guidance {
  double first = 1.0;            // of the only network, or of the expert that begins
  std::optional<double> second;  // of the other one; empty: as the first

  Guidance() = default;
  Guidance(double scale) : first(scale) {}  // NOLINT: most runs have one scale
  Guidance(double of_first, std::optional<double> of_second) : first(of_first), second(of_second) {}

  double of(std::int32_t expert) const { return expert == 0 ? first : second.value_or(first); }
  // Whether any forward is guided.
  bool any() const { return of(0) != 1.0 || of(1) != 1.0; }
  bool operator==(const Guidance& other) const {
    return first == other.first && of(1) == other.of(1);
  }
};

// "4", or "4,3" for two experts. Throws Error(kUsage) naming the text.
Guidance parse_guidance(std::string_view text);
// As parse_guidance() reads it, to the last bit.
std::ostream& operator<<(std::ostream& out, const Guidance& guidance);

}  // namespace twill
