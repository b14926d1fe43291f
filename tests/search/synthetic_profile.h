// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Profiles that nothing was measured for.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "twill/plan/profile.h"

namespace twill::test {

// The same numbers on every machine; 0..1.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  double next();
  std::int32_t below(std::int32_t end) { return static_cast<std::int32_t>(next() * end); }

 private:
  std::uint64_t state_;
};

struct ProfileShape {
  std::int32_t layers = 2;
  std::int32_t heads = 2;
  std::int32_t experts = 1;
  TokenLayout layout{.frames = 4, .rows = 16, .cols = 16};
  std::vector<double> t{1.0, 0.7, 0.3};
};

// dense, skip, mean and some windows, a few of each density.
std::vector<Pattern> some_candidates(const TokenLayout& layout, std::size_t count);

// Errors fall with density, each head at its own pace with some noise; gains and errors rise and
// fall with t.
std::shared_ptr<Profile> synthetic_profile(const ProfileShape& shape,
                                           const std::vector<Pattern>& candidates,
                                           std::uint64_t seed);

}  // namespace twill::test
