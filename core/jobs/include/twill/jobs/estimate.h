// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How long a clip will take and how much memory, said before it is made.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "twill/jobs/generate.h"
#include "twill/jobs/job.h"
#include "twill/jobs/model_facts.h"

namespace twill::jobs {

// Wall clock of one model on this machine, from a few forwards on a short clip. What grows with the
// tokens and what grows with their square are kept apart.
struct ModelSpeed {
  double seconds_per_token = 0.0;        // of a forward, without self-attention
  double dense_seconds_per_cell = 0.0;   // of all layers and heads, per query x key
  double sparse_seconds_per_cell = 0.0;  // the same through the plan's kernel, per kept cell
  double vae_seconds_per_pixel = 0.0;    // of all frames
  std::string dtype;
  std::string device;
};

// Throws Error or Cancelled. Takes about as long as one forward of the model at 1280 tokens, three
// times, and a second on the demo model.
ModelSpeed measure_speed(const report::ClipSettings& clip, const JobControl& control);

// What it costs to fit a plan to a clip while the clip is made (GenerateOptions::adapt), besides
// the clip's own forwards.
struct AdaptingSpeed {
  double begin_seconds = 0.0;        // once, before the first step
  double seconds_per_forward = 0.0;  // of the steps that are measured
  double seconds_per_solve = 0.0;    // after each of them
};

// On this machine, by one layer of random numbers and one solve of the plan's profile. Throws
// Error(kUsage) naming the plan when it holds no profile, Error or Cancelled.
AdaptingSpeed measure_adapting(const ModelFacts& facts, const report::ClipSettings& clip,
                               const Plan& plan, const JobControl& control);

struct ClipEstimate {
  std::int64_t tokens = 0;
  double density = 1.0;
  double seconds = 0.0;           // of one prompt: all its clips, from noise to frames
  double dense_seconds = 0.0;     // of it, the dense clip's loop; 0 when none is made
  double sparse_seconds = 0.0;    // the plan's, with what adapting it takes
  double adapting_seconds = 0.0;  // of those
  double vae_seconds = 0.0;
  std::int64_t memory_bytes = 0;  // of the whole process at its highest
};

// `density` of the plan over the run (see plan_density); ignored without a plan. `adapting` counts
// with options.adapt.
ClipEstimate estimate_clip(const ModelFacts& facts, const ModelSpeed& speed,
                           const GenerateOptions& options, double density,
                           const AdaptingSpeed& adapting = {});

// Of the whole process at its highest, where no GPU holds a part of it: ClipEstimate's
// memory_bytes.
std::int64_t process_bytes(const ModelFacts& facts, const GenerateOptions& options,
                           const std::string& dtype);

// Share of dense's cells over all forwards of such a run. Throws Error(kModel) when the plan is for
// another model.
double plan_density(const ModelFacts& facts, const report::ClipSettings& clip, const Plan& plan);
// The same of a file: Error(kFile) too.
double plan_density(const ModelFacts& facts, const report::ClipSettings& clip,
                    const std::filesystem::path& plan);

}  // namespace twill::jobs
