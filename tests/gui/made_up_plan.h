// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Plans and profiles of any size with numbers that look like measured ones: errors fall as patterns
// keep more, every head prefers one family.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"

namespace twill::tests {

struct MadeUp {
  std::vector<StackShape> stacks{{.name = "blocks", .layers = 4, .heads = 3}};
  std::vector<std::string> experts{"default"};
  TokenLayout layout{.frames = 5, .rows = 8, .cols = 8};
  std::int32_t candidates = 16;
  std::int32_t times = 4;
  std::int32_t map_size = 10;
};
// 60 layers x 24 heads of HunyuanVideo at 720p, 100 candidates.
MadeUp hunyuan_sized();

std::shared_ptr<const Profile> make_profile(const MadeUp& of);
// `segments` equal stretches of t; each head a candidate by its place.
Plan make_plan(const std::shared_ptr<const Profile>& profile, std::int32_t segments);

}  // namespace twill::tests
