// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Makes dense clips of the search prompts and profiles them on the way.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kept_values.h"
#include "session.h"
#include "twill/jobs/search.h"
#include "twill/plan/profile.h"

namespace twill::jobs {

// Steps spread over the run, the first and the last among them, ascending; closer together where
// errors count more: the stretches between them have equal sums of the square root of the default
// weight of t.
std::vector<std::int64_t> profiled_steps(const std::vector<double>& step_t, std::int32_t points);

// Seconds that each unit of work took, kept: those of stopped runs count too. Several processes may
// share a folder; a unit that two of them made counts once.
class KeptSeconds {
 public:
  explicit KeptSeconds(KeptValues kept) : kept_(std::move(kept)) {}
  void add(const std::string& unit, double seconds);  // of a unit that was made here
  void count(const std::string& unit);                // of one that was there already
  double total() const;
  double elsewhere() const;  // of it, what other processes spent

 private:
  static std::string key_of(const std::string& unit);

  KeptValues kept_;
  std::map<std::string, double> here_, elsewhere_;
};

// What this process spent on profiled forwards.
struct ProfilingTimes {
  double profile = 0.0;
  double forwards = 0.0;  // the dense forwards that it rode on
};

class ClipProfiler {
 public:
  // What is measured is kept below `work`, by what decides it. The options have a map size.
  ClipProfiler(const Session& session, const SearchOptions& options, std::filesystem::path work);

  // First attention maps, from a dense clip of the first prompt with few steps: they say which
  // stripes are candidates. Then all prompts. A unit that is kept is not measured again.
  Profile run(const std::vector<EncodedPrompt>& prompts);
  // The same candidates once more while `plan` runs.
  Profile run_along(const std::vector<EncodedPrompt>& prompts, const Plan& plan);

  // Time that went into clips with profiling in them, in this run and in stopped ones.
  double seconds() const;
  double seconds_elsewhere() const;  // of it, in stopped runs
  // The profile's time over that of the forwards it rode on; nothing when all units were kept.
  std::optional<double> profiling_share() const;

 private:
  std::vector<Pattern> candidates(const EncodedPrompt& prompt);
  // Of the session's clips with steps at t.
  RunFacts run_of_steps(const std::vector<double>& t) const;
  Profile profile(const std::vector<EncodedPrompt>& prompts, engine::SelfAttention& attention,
                  const std::string& key, const std::map<std::string, std::string>& provenance);

  const Session& session_;
  const SearchOptions& options_;
  std::filesystem::path work_;
  std::map<std::string, std::string> provenance_;
  std::string key_;
  KeptSeconds seconds_;
  ProfilingTimes times_;
};

}  // namespace twill::jobs
