// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A plan: per segment of t, expert, stack, layer and head an index into one table of patterns.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "twill/kernels/tile_list.h"
#include "twill/plan/pattern.h"
#include "twill/plan/run_facts.h"

namespace twill {

struct StackShape {
  std::string name;  // "blocks"; Hunyuan: "double_blocks", "single_blocks"; VACE: "vace_blocks"
  std::int32_t layers = 0;
  std::int32_t heads = 0;
  friend auto operator<=>(const StackShape&, const StackShape&) = default;
};

// What a plan must know of its model; a plan runs only on a model with the same shape.
struct ModelShape {
  std::string family;                           // "wan2.1-t2v"
  std::vector<std::string> experts{"default"};  // Wan 2.2: "high_noise", "low_noise"
  std::vector<StackShape> stacks;
  std::int32_t head_dim = 0;
  friend auto operator<=>(const ModelShape&, const ModelShape&) = default;

  std::int32_t heads_total() const;  // layers x heads over all stacks, of one expert
};

// Flat index of (stack, layer, head) inside one expert: stacks in order, layer-major. Throws
// Error(kModel) if outside.
std::int32_t head_index(const ModelShape& model, std::int32_t stack, std::int32_t layer,
                        std::int32_t head);

using kernels::Precision;  // of a head's two products; heads without keys have none

inline constexpr std::array<std::pair<Precision, std::string_view>, 2> kPrecisionNames{{
    {Precision::kBf16, "bf16"},
    {Precision::kInt8, "int8"},
}};

struct HeadPlan {
  std::int32_t pattern = 0;  // index into Plan::patterns
  Precision precision = Precision::kBf16;
  friend auto operator<=>(const HeadPlan&, const HeadPlan&) = default;
};

// t in (t_begin, t_end]; t = 1 is noise, 0 clean. The lowest segment also owns t = 0.
struct Segment {
  double t_begin = 0.0;
  double t_end = 1.0;
  bool dense = false;                        // all heads dense; heads then empty
  std::vector<std::vector<HeadPlan>> heads;  // [expert][head_index]
  friend auto operator<=>(const Segment&, const Segment&) = default;
};

struct Profile;  // profile.h

struct Plan {
  std::string name;
  ModelShape model;
  std::vector<Pattern> patterns;
  std::vector<Segment> segments;  // sorted by t_begin, covering (0, 1] without gaps
  // What code reads of where the plan comes from. All of it may be missing.
  std::optional<RunFacts> solved_for;
  std::optional<Budget> budget;
  std::optional<std::int32_t> dense_first_layers;  // that the search was told, over all stacks
  std::vector<FixedHead> fixed_heads;
  std::optional<double> expert_boundary;  // experts.h
  // Free text by key for people: "source", "created", "device", "commit", ... Code reads it only of
  // a plan without any of the above, as files of version 1.0 are (has_facts() in plan_facts.h).
  std::map<std::string, std::string> provenance;
  std::shared_ptr<const Profile> profile;  // may be empty

  // What a file of a newer minor version said that this version does not know, as JSON text by
  // top-level field, so that writing the plan again keeps it; schema_minor is then that file's.
  std::int32_t schema_minor = 0;
  std::map<std::string, std::string> newer_fields;
};

// Throws Error(kFile) with a path such as "segments[1].heads.default.blocks[3][2]" (layer 3, head
// 2) and the value.
void check_plan(const Plan& plan);
// Throws Error(kModel) saying what differs.
void check_plan_fits(const Plan& plan, const ModelShape& model);
// Throws Error(kUsage) for a t that is not within 0..1, as pipelines hand around theirs of 0..1000,
// and for one that is no number. A schedule's rounding may pass the ends by 1e-6.
void check_t(double t);
// Index of the segment that owns t, which check_t() lets pass.
std::int32_t segment_at(const Plan& plan, double t);

}  // namespace twill
