// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Checks that say where the trouble is: `where` is a JSON path (after the file's name, if there is
// one) or an argument.
#pragma once

#include <string>
#include <string_view>

#include "twill/plan/error.h"
#include "twill/plan/plan.h"
#include "twill/plan/profile.h"

namespace twill {

// Hostile or damaged files end here, not in the allocator. No model comes near any of these.
inline constexpr std::size_t kMostPatterns = 4096;
inline constexpr std::size_t kMostParts = 16;
inline constexpr std::size_t kMostBoxes = 256;
inline constexpr std::size_t kMostSegments = 64;
inline constexpr std::size_t kMostExperts = 8;
inline constexpr std::size_t kMostStacks = 8;
inline constexpr std::int32_t kMostLayers = 1024;
inline constexpr std::int32_t kMostHeads = 1024;
inline constexpr std::int32_t kMostHeadDim = 1024;
inline constexpr std::size_t kMostProvenance = 256;
inline constexpr std::size_t kMostTimes = 1024;
inline constexpr std::size_t kMostForwards = 8192;
inline constexpr std::size_t kMostPrompts = 4096;
inline constexpr std::int32_t kMostMapSize = 1024;
inline constexpr std::int32_t kMostTileSide = 4096;
inline constexpr std::int64_t kMostTokens = std::int64_t{1} << 24;

// "patterns[2]" and "frames" -> "patterns[2].frames"; "my.json: " and "name" -> "my.json: name".
std::string join_path(std::string_view where, std::string_view name);

void check_layout_at(const TokenLayout& layout, std::string_view where, ErrorCode code);
void check_model_at(const ModelShape& model, std::string_view where);
// All but the profile, which may be large.
void check_plan_tables(const Plan& plan, std::string_view where);
void check_profile_at(const Profile& profile, std::string_view where);
// A profile inside a plan is one of the plan's model.
void check_profile_model(const Profile& profile, const ModelShape& model, std::string_view where);
void check_provenance_at(const std::map<std::string, std::string>& provenance,
                         std::string_view where);
// `where`.experts and so on: says what differs.
void check_same_model(const ModelShape& mine, const ModelShape& other, std::string_view where);

}  // namespace twill
