// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a search measured: enough to solve for any budget again without the model.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "twill/plan/plan.h"

namespace twill {

// Measured milliseconds of one candidate for one head on one device (dense is candidate 0's line
// when present).
struct CostTable {
  std::string device;  // "AMD EPYC, 2 threads, fp32"
  std::string kernel;  // name and version
  TokenLayout layout;
  std::vector<double>
      milliseconds;  // [candidates]; empty when nothing was measured: then cells stand for cost
};

struct Profile {
  ModelShape model;
  TokenLayout layout;  // where it was measured
  std::vector<Pattern> candidates;
  std::vector<double> t;  // descending
  std::vector<std::string> prompts;
  std::vector<std::uint64_t> seeds;  // of the prompts
  // Head error (design: sum |o - o0|^2 / sum |o0|^2), [t][expert][head_index][candidate], candidate
  // fastest.
  std::vector<float> head_error;
  // What the head adds to the residual stream, as the driver supplies it: mean squared norm of the
  // head's share of the gated output projection over that of the residual stream,
  // [t][expert][head_index].
  std::vector<float> gain;
  // Head error of dense attention with both products in INT8, [t][expert][head_index]; empty when
  // it was not measured. Rounding and what a pattern leaves out have hardly anything to do with
  // each other, so a candidate in INT8 has the sum of both errors; tests/jobs/test_precision.cpp
  // says how near that comes.
  std::vector<float> int8_error;
  // Block-averaged attention map per head, [expert][head_index][map_size][map_size], 8-bit, each
  // row scaled to its maximum.
  std::int32_t map_size = 0;
  std::vector<std::uint8_t> maps;
  CostTable cost;
  std::optional<RunFacts> run;                    // that it was measured in
  std::optional<double> expert_boundary;          // experts.h
  std::optional<TimeWeight> time_weight;          // calibrated on its model
  std::map<std::string, std::string> provenance;  // as in Plan

  // As in Plan: what a file of a newer minor version said that this version does not know.
  std::int32_t schema_minor = 0;
  std::map<std::string, std::string> newer_fields;

  std::size_t heads() const { return static_cast<std::size_t>(model.heads_total()); }
  float error_at(std::size_t t_index, std::size_t expert, std::size_t head,
                 std::size_t candidate) const {
    return head_error[((t_index * model.experts.size() + expert) * heads() + head) *
                          candidates.size() +
                      candidate];
  }
  // 0 where it was not measured.
  float int8_error_at(std::size_t t_index, std::size_t expert, std::size_t head) const {
    return int8_error.empty()
               ? 0.0F
               : int8_error[(t_index * model.experts.size() + expert) * heads() + head];
  }
  float gain_at(std::size_t t_index, std::size_t expert, std::size_t head) const {
    return gain[(t_index * model.experts.size() + expert) * heads() + head];
  }
};

// Throws Error(kFile) with the field and the value: sizes that do not match, an error or gain that
// is negative or not finite, times that do not descend within 1..0.
void check_profile(const Profile& profile);

}  // namespace twill
