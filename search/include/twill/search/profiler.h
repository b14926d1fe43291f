// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Measures head errors, gains and attention maps while somebody else runs the model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "twill/kernels/attention_tensors.h"
#include "twill/kernels/tile_list.h"
#include "twill/plan/profile.h"
#include "twill/search/progress.h"

namespace twill::search {

struct ProfilerOptions {
  ModelShape model;
  TokenLayout layout;
  std::vector<Pattern> candidates;   // one of them dense
  std::vector<double> t;             // descending, in 0..1
  std::vector<std::string> prompts;  // one or more; one seed each
  std::vector<std::uint64_t> seeds;
  // Sampled query tokens of a unit. 0: 64, or as many more as make 640 of a prompt's units
  // together, for a run of few steps has few units.
  std::int32_t rows = 0;
  std::uint64_t row_seed = 0;    // which ones
  std::int32_t map_size = 52;    // blocks a side of the attention maps, at most tokens; 0: none
  std::int32_t map_queries = 8;  // queries that stand for a block of a map
  bool int8 = false;             // measure too what heads lose in INT8
  std::int32_t threads = 0;      // 0: as many as the process may use
  // Where finished units are kept; empty: in memory only. A folder of another profile is refused.
  std::filesystem::path folder;
  // The run that is profiled at some of its t; no grid: the layout's. As provenance, it is kept
  // with the units, compared on resuming, and part of the profile.
  std::optional<RunFacts> run;
  std::optional<double> expert_boundary;  // of a model with two experts
  // Whatever else decides the numbers (weights, dtype, device), for people.
  std::map<std::string, std::string> provenance;
};

// Where in the profile an attention call stands. A unit of work is one forward of one prompt at one
// t: all layers, both branches of the guidance.
struct CallSite {
  std::int32_t t_index = 0;
  std::int32_t prompt = 0;
  std::int32_t expert = 0;
  std::int32_t stack = 0;
  std::int32_t layer = 0;
  std::int32_t branch = 0;  // of the guidance: 0 conditional, 1 unconditional
};

// Rows of the batch are summed up. A scale of 0 stands for 1/sqrt(head_dim).
using AttentionCall = kernels::AttentionTensors;

// Of one attention call, as a driver measured it on a device of its own, by the definitions of
// kernels/profiling.h.
struct CallMeasures {
  std::span<const double> error;  // [heads][candidates], summed over the batch
  std::span<const double> norm;   // [heads], summed over the batch
  std::span<const float> map;     // [heads][map_size][map_size], the batch's mean
  // Of dense attention in INT8, [heads], as error; empty where the options do not ask for it.
  std::span<const double> int8_error;
};

// Tokens of the grid, ascending and distinct, spread evenly over frames, rows and columns.
std::vector<std::int32_t> sampled_rows(const TokenLayout& layout, std::int32_t count,
                                       std::uint64_t seed);
// How many a unit has, also where the options leave it open.
std::int32_t rows_of_unit(const ProfilerOptions& options);
// Those of a unit. Every unit has others, so that a plan does not rest on what a few tokens see.
std::vector<std::int32_t> unit_rows(const ProfilerOptions& options, std::int32_t t_index,
                                    std::int32_t prompt);

// Head errors of the times that all prompts have finished.
struct MeasuredErrors {
  std::vector<double> t;  // descending
  // [t][expert][head_index][candidate]; not a number where no forward at that t ran the expert.
  std::vector<float> head_error;
};

class Profiler {
 public:
  // Reads the finished units of `options.folder`. Throws Error(kUsage) naming the option and its
  // value, or Error(kFile) when the folder's units were measured otherwise (and says what differs)
  // or are damaged.
  explicit Profiler(ProfilerOptions options, std::stop_token stop = {});
  ~Profiler();
  Profiler(Profiler&&) noexcept;
  Profiler& operator=(Profiler&&) noexcept;

  const ProfilerOptions& options() const;

  // gain: [heads], mean squared norm of the head's gated share of the output projection over that
  // of the residual stream it is added to. Throws Error(kModel) for a call that does not fit the
  // model or layout, a site seen before, or a value that is not finite, naming stack, layer and
  // head; Error(kUnsupported) with the kernel's reason; Cancelled when a stop was asked for.
  void observe(const CallSite& site, const AttentionCall& call, std::span<const double> gain);

  // What a driver must know to measure a call itself: the candidates as the kernels know them,
  // blocks a side of a map and how far apart the queries of a block stand, and (unit_rows) which
  // rows.
  std::span<const kernels::HeadTask> tasks() const;
  std::span<const kernels::TileListView> lists() const;
  std::int32_t map_size() const;
  std::int32_t query_stride() const;
  std::vector<std::int32_t> rows(std::int32_t t_index, std::int32_t prompt) const;
  // The same as measuring, where it was measured already. Throws as above, and Error(kUsage) for
  // measures of another size.
  void observe(const CallSite& site, const CallMeasures& measures, std::span<const double> gain);

  // The unit is kept, on disk when there is a folder. Throws Error(kModel) when a layer was not
  // observed.
  void finish_unit(std::int32_t t_index, std::int32_t prompt);
  bool done(std::int32_t t_index, std::int32_t prompt) const;
  // How many units are done.
  Progress progress() const;

  // The sums of all units, in one order whatever the order of the work: a profile stopped and
  // resumed equals one that was not, bit for bit. Where no forward at a t ran an expert, the
  // expert's nearest t stands in. Throws Error(kUsage) when a unit is missing.
  Profile finish() const;
  MeasuredErrors errors_so_far() const;
  // Maps as measured, [expert][head_index][map_size][map_size], rows summing to 1, for
  // stripe_candidates. Units that are not finished are left out.
  std::vector<float> mean_maps() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace twill::search
