// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Makes dense clips of the search prompts and profiles them on the way.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "session.h"
#include "twill/jobs/search.h"
#include "twill/plan/profile.h"

namespace twill::jobs {

// Steps spread over the run, the first and the last among them, ascending; closer together where
// errors count more: the stretches between them have equal sums of the square root of the default
// weight of t.
std::vector<std::int64_t> profiled_steps(const std::vector<double>& step_t, std::int32_t points);

// Seconds of work that were spent so far, kept in a file: those of stopped runs count too.
class KeptSeconds {
 public:
  explicit KeptSeconds(std::filesystem::path file);
  void add(double seconds);
  double total() const { return total_; }

 private:
  std::filesystem::path file_;
  double total_ = 0.0;
};

// What this process spent on profiled forwards.
struct ProfilingTimes {
  double profile = 0.0;
  double forwards = 0.0;  // the dense forwards that it rode on
};

class ProfileRun {
 public:
  // What is measured is kept below `work`, by what decides it.
  ProfileRun(const Session& session, const SearchOptions& options, std::filesystem::path work);

  // First attention maps, from a dense clip of the first prompt with few steps: they say which
  // stripes are candidates. Then all prompts. A unit that is kept is not measured again.
  Profile run(const std::vector<EncodedPrompt>& prompts);
  // The same candidates once more while `plan` runs.
  Profile run_along(const std::vector<EncodedPrompt>& prompts, const Plan& plan);

  // Of the clips with the profiling in them, those of stopped runs too.
  double seconds() const;
  // The profile's time over that of the forwards it rode on; nothing when all units were kept.
  std::optional<double> profiling_share() const;

 private:
  std::vector<Pattern> candidates(const EncodedPrompt& prompt);
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
