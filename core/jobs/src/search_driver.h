// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a search asks for (twill/search/search_run.h), done by the engine.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kept_quality.h"
#include "session.h"
#include "twill/jobs/search.h"
#include "twill/search/search_run.h"

namespace twill::jobs {

// None where there is no wish.
std::optional<search::SearchTarget> target_of(const Target& target);

// The options have a map size. What is measured is kept below `work`, by what decides it.
search::SearchRequest request_for(const Session& session, const TokenLayout& layout,
                                  const SearchOptions& options, const std::filesystem::path& work);

class SearchDriver {
 public:
  // Refers to all of them.
  SearchDriver(const Session& session, const SearchOptions& options,
               const std::vector<EncodedPrompt>& prompts, const std::filesystem::path& work,
               search::SearchRun& run);

  void work_until_done();

  // The profile's time over that of the dense forwards it rode on; nothing when all units were
  // kept.
  std::optional<double> profiling_share() const;
  // "cuda:0", "cpu", or both: where heads were measured; empty when all units were kept.
  std::string measured_on() const;
  // Of clips to reach a target.
  double target_seconds() const { return target_seconds_; }

 private:
  void work_on(const search::ClipWork& work);
  void work_on(const search::CostWork& work);
  void work_on(const search::QualityWork& work);
  void work_on(const search::SecondsWork& work);
  void show_maps(const search::Profiler& profiler) const;

  const Session& session_;
  const SearchOptions& options_;
  const std::vector<EncodedPrompt>& prompts_;
  search::SearchRun& run_;
  KeptQuality quality_;
  // What this process spent on profiled forwards of clips of the prompts.
  double profile_seconds_ = 0.0, forward_seconds_ = 0.0;
  std::set<std::string> measured_on_;
  double target_seconds_ = 0.0;
};

}  // namespace twill::jobs
