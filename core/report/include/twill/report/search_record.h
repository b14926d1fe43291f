// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a search found. It leaves it beside its plan, because the plan itself may hold no times: the
// same search gives the same plan, byte for byte.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "twill/plan/plan_view.h"

namespace twill::report {

// One plan of the loop.
struct TargetTry {
  double budget = 0.0;
  double density = 0.0;
  double psnr_db = 0.0;  // 0 when the wish is for speed
  double speedup = 0.0;  // 0 when it is for quality
  bool holds = false;
};

// A clip or a plan whose error was predicted and then measured.
struct PredictedMeasured {
  std::string name;
  double predicted = 0.0;     // predicted error
  double measured_mse = 0.0;  // against the dense clip, of 8-bit RGB
};

struct SearchResult {
  std::filesystem::path plan;
  double density = 1.0;  // of the whole run at the searched layout
  double attention_share =
      1.0;  // of dense attention's time; equal to density when nothing was timed
  double predicted_error = 0.0;  // the solver's objective; comparable between plans of one profile
  PrecisionCounts precision;
  std::map<std::string, std::int64_t> heads;  // by pattern name, in the widest sparse segment
  std::int32_t dense_first_steps = 0;
  std::int32_t dense_last_steps = 0;
  std::int32_t segments = 0;
  double search_seconds = 0.0;  // with those of interrupted runs
  double clips_seconds = 0.0;   // of it, making clips with the profiling in them
  double target_seconds = 0.0;  // of it, clips to reach the target, in this process
  std::vector<TargetTry> tries;
  // The clips that the weight of t was fitted to, and the tries for a quality.
  std::vector<PredictedMeasured> probes;
  // The profile's time over that of the dense forwards it rode on, as far as this process did it.
  std::optional<double> profiling_share;
  // "cuda:0", "cpu", or both: where it measured the heads; empty when all was kept.
  std::string measured_on;
};

std::string describe(const SearchResult& result);
std::string to_json(const SearchResult& result);

// "plan.json" -> "plan.search.json".
std::filesystem::path search_record_file(const std::filesystem::path& plan);
// Nothing when there is no readable record.
std::optional<double> read_search_seconds(const std::filesystem::path& plan);
// Clips that the search predicted and measured; empty when there is no record. Throws Error(kFile)
// naming file, field and value.
std::vector<PredictedMeasured> read_probes(const std::filesystem::path& plan);

}  // namespace twill::report
