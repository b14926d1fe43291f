// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/profiler.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include "profile_units.h"
#include "twill/kernels/profiling.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/search/error_model.h"

namespace twill::search {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int32_t kMostMapSize = 1024;

// All exponent bits set: infinity or not a number.
template <typename Bits, Bits kExponent>
bool all_finite(const void* data, std::int64_t offset, std::int64_t token_stride,
                std::int32_t tokens, std::int32_t head_dim) {
  const Bits* const begin = static_cast<const Bits*>(data) + offset;
  for (std::int32_t token = 0; token < tokens; ++token) {
    const Bits* const row = begin + token * token_stride;
    bool finite = true;
    for (std::int32_t i = 0; i < head_dim; ++i) {
      finite &= (row[i] & kExponent) != kExponent;
    }
    if (!finite) {
      return false;
    }
  }
  return true;
}

bool head_is_finite(const void* data, const kernels::Strides& strides, const AttentionCall& call,
                    std::int32_t row, std::int32_t head) {
  const std::int64_t offset = row * strides.batch + head * strides.head;
  switch (call.dtype) {
    case kernels::Dtype::kF32:
      return all_finite<std::uint32_t, 0x7f800000u>(data, offset, strides.token, call.tokens,
                                                    call.head_dim);
    case kernels::Dtype::kBf16:
      return all_finite<std::uint16_t, 0x7f80u>(data, offset, strides.token, call.tokens,
                                                call.head_dim);
    default:
      return all_finite<std::uint16_t, 0x7c00u>(data, offset, strides.token, call.tokens,
                                                call.head_dim);
  }
}

void check_options(const ProfilerOptions& options) {
  check_layout(options.layout);
  require(!options.prompts.empty(), ErrorCode::kUsage, "prompts: there are none");
  require(options.seeds.size() == options.prompts.size(), ErrorCode::kUsage,
          "seeds: ", options.seeds.size(), " for ", options.prompts.size(), " prompts");
  require(!options.t.empty(), ErrorCode::kUsage, "t: there are none");
  std::ranges::for_each(options.t, check_t);
  require(options.rows >= 0 && options.rows <= options.layout.grid_tokens(), ErrorCode::kUsage,
          "rows: ", options.rows, " is outside 0..", options.layout.grid_tokens(),
          ", the tokens of the grid");
  require(
      options.map_size >= 0 && options.map_size <= std::min(kMostMapSize, options.layout.tokens()),
      ErrorCode::kUsage, "map_size: ", options.map_size, " is outside 0..",
      std::min(kMostMapSize, options.layout.tokens()));
  require(options.map_queries >= 1, ErrorCode::kUsage, "map_queries: ", options.map_queries,
          " is not above 0");
  require(options.threads >= 0, ErrorCode::kUsage, "threads: ", options.threads, " is negative");
}

}  // namespace

struct Profiler::Impl {
  struct OpenUnit {
    UnitSums sums;
    std::vector<std::int32_t> rows;
    std::set<std::tuple<std::int32_t, std::int32_t, std::int32_t, std::int32_t>>
        seen;  // expert, stack, layer, branch
  };

  ProfilerOptions options;
  std::stop_token stop;
  std::vector<TileList> lists;
  std::vector<kernels::TileListView> views;
  std::vector<kernels::HeadTask> tasks;  // [candidates]
  std::unique_ptr<UnitFolder> folder;
  std::map<UnitKey, UnitSums> finished;
  std::map<UnitKey, OpenUnit> open;
  std::int64_t resumed = 0;
  Clock::time_point begin = Clock::now();

  std::size_t heads_all() const {
    return options.model.experts.size() * static_cast<std::size_t>(options.model.heads_total());
  }
  std::size_t map_cells() const {
    return static_cast<std::size_t>(options.map_size) * static_cast<std::size_t>(options.map_size);
  }
  UnitSums new_sums() const {
    return {heads_all(), options.candidates.size(), map_cells(), options.int8};
  }

  void check_unit(std::int32_t t_index, std::int32_t prompt) const {
    require(t_index >= 0 && t_index < static_cast<std::int32_t>(options.t.size()),
            ErrorCode::kUsage, "t_index ", t_index, " is not one of 0..", options.t.size() - 1);
    require(prompt >= 0 && prompt < static_cast<std::int32_t>(options.prompts.size()),
            ErrorCode::kUsage, "prompt ", prompt, " is not one of 0..", options.prompts.size() - 1);
  }

  // "blocks layer 3 at t 0.98, prompt 1"
  std::string describe(const CallSite& site) const {
    return concat(options.model.stacks[static_cast<std::size_t>(site.stack)].name, " layer ",
                  site.layer, " at t ", options.t[static_cast<std::size_t>(site.t_index)],
                  ", prompt ", site.prompt);
  }

  void check_site(const CallSite& site, std::span<const double> gain) const {
    check_unit(site.t_index, site.prompt);
    require(
        site.expert >= 0 && site.expert < static_cast<std::int32_t>(options.model.experts.size()),
        ErrorCode::kModel, "expert ", site.expert, " is not one of 0..",
        options.model.experts.size() - 1);
    head_index(options.model, site.stack, site.layer, 0);  // throws when there is no such layer
    const StackShape& stack = options.model.stacks[static_cast<std::size_t>(site.stack)];
    require(static_cast<std::int32_t>(gain.size()) == stack.heads, ErrorCode::kModel,
            describe(site), ": ", gain.size(), " gains, not ", stack.heads);
    for (std::size_t head = 0; head < gain.size(); ++head) {
      require(std::isfinite(gain[head]) && gain[head] >= 0.0, ErrorCode::kModel, describe(site),
              ", head ", head, ": gain ", gain[head], " is not a finite number of at least 0");
    }
  }

  void check_call(const CallSite& site, const AttentionCall& call) const {
    const StackShape& stack = options.model.stacks[static_cast<std::size_t>(site.stack)];
    require(call.heads == stack.heads, ErrorCode::kModel, describe(site), ": ", call.heads,
            " heads, not ", stack.heads);
    require(call.head_dim == options.model.head_dim, ErrorCode::kModel, describe(site),
            ": head_dim ", call.head_dim, ", not ", options.model.head_dim);
    require(call.tokens == options.layout.tokens(), ErrorCode::kModel, describe(site), ": ",
            call.tokens, " tokens, not ", options.layout.tokens());
    require(call.batch >= 1, ErrorCode::kModel, describe(site), ": a batch of ", call.batch);
    for (std::int32_t row = 0; row < call.batch; ++row) {
      for (std::int32_t head = 0; head < call.heads; ++head) {
        const auto check = [&](const char* name, const void* data,
                               const kernels::Strides& strides) {
          require(head_is_finite(data, strides, call, row, head), ErrorCode::kModel, describe(site),
                  ", head ", head, ": ", name, " holds a value that is not finite");
        };
        check("q", call.q, call.q_strides);
        check("k", call.k, call.k_strides);
        check("v", call.v, call.v_strides);
      }
    }
  }

  void check_measures(const CallSite& site, const CallMeasures& measures) const {
    const auto heads =
        static_cast<std::size_t>(options.model.stacks[static_cast<std::size_t>(site.stack)].heads);
    const std::size_t candidates = tasks.size();
    require(measures.norm.size() == heads && measures.error.size() == heads * candidates &&
                measures.map.size() == heads * map_cells(),
            ErrorCode::kUsage, describe(site), ": measures of ", measures.norm.size(), " heads, ",
            measures.error.size(), " errors and ", measures.map.size(), " cells of maps, not of ",
            heads, " heads, ", candidates, " candidates and ", map_cells(), " cells a head");
    require(measures.int8_error.size() == (options.int8 ? heads : 0), ErrorCode::kUsage,
            describe(site), ": INT8 errors of ", measures.int8_error.size(), " heads, not of ",
            options.int8 ? heads : 0);
    const auto all_finite = [](auto values) {
      return std::all_of(values.begin(), values.end(),
                         [](double value) { return std::isfinite(value) && value >= 0.0; });
    };
    for (std::size_t head = 0; head < heads; ++head) {
      require(all_finite(measures.norm.subspan(head, 1)) &&
                  all_finite(measures.error.subspan(head * candidates, candidates)) &&
                  all_finite(measures.map.subspan(head * map_cells(), map_cells())) &&
                  all_finite(measures.int8_error.subspan(0, options.int8 ? head + 1 : 0)),
              ErrorCode::kModel, describe(site), ", head ", head,
              ": q, k or v holds a value that is not finite, or attention overflows");
    }
  }

  // The open unit of a call, in which the site is now seen.
  OpenUnit& unit_of(const CallSite& site) {
    const UnitKey key{site.t_index, site.prompt};
    require(!finished.contains(key), ErrorCode::kUsage, describe(site), ": this unit is finished");
    auto [unit, is_new] = open.try_emplace(key);
    if (is_new) {
      unit->second.sums = new_sums();
      unit->second.rows = unit_rows(options, site.t_index, site.prompt);
    }
    require(unit->second.seen.emplace(site.expert, site.stack, site.layer, site.branch).second,
            ErrorCode::kUsage, describe(site), ": branch ", site.branch, " was seen before");
    return unit->second;
  }

  std::size_t first_head(const CallSite& site) const {
    return static_cast<std::size_t>(site.expert) *
               static_cast<std::size_t>(options.model.heads_total()) +
           static_cast<std::size_t>(head_index(options.model, site.stack, site.layer, 0));
  }

  void add_gain(const CallSite& site, std::span<const double> gain, UnitSums& sums) const {
    for (std::size_t head = 0; head < gain.size(); ++head) {
      sums.gain[first_head(site) + head] += gain[head];
      sums.branches[first_head(site) + head] += 1.0;
    }
  }

  std::int32_t query_stride() const {
    return options.map_size == 0
               ? 1
               : std::max(1, options.layout.tokens() / (options.map_size * options.map_queries));
  }

  void add_errors(const CallSite& site, const AttentionCall& call, std::size_t first_head,
                  OpenUnit& unit) const {
    UnitSums& sums = unit.sums;
    const auto heads = static_cast<std::size_t>(call.heads);
    const auto batch = static_cast<std::size_t>(call.batch);
    const std::size_t candidates = tasks.size();
    std::vector<double> error(batch * heads * candidates), norm(batch * heads);
    const kernels::HeadErrorParams params{.tensors = tensors_of(call),
                                          .rows = unit.rows,
                                          .candidates = tasks,
                                          .lists = views,
                                          .error = error.data(),
                                          .norm = norm.data(),
                                          .threads = options.threads};
    const kernels::Status status = kernels::sampled_head_errors_cpu(params);
    require(status.ok, ErrorCode::kUnsupported, describe(site), ": ", status.reason);
    for (std::size_t row = 0; row < batch; ++row) {
      for (std::size_t head = 0; head < heads; ++head) {
        const std::size_t from = row * heads + head;
        require(std::isfinite(norm[from]), ErrorCode::kModel, describe(site), ", head ", head,
                ": attention overflows");
        sums.norm[first_head + head] += norm[from];
        for (std::size_t candidate = 0; candidate < candidates; ++candidate) {
          const double value = error[from * candidates + candidate];
          require(std::isfinite(value), ErrorCode::kModel, describe(site), ", head ", head,
                  ": the error of candidate ", candidate, " is not finite");
          sums.error[(first_head + head) * candidates + candidate] += value;
        }
      }
    }
  }

  void add_int8_errors(const CallSite& site, const AttentionCall& call, std::size_t first_head,
                       OpenUnit& unit) const {
    if (!options.int8) {
      return;
    }
    const auto heads = static_cast<std::size_t>(call.heads);
    std::vector<double> error(static_cast<std::size_t>(call.batch) * heads);
    const kernels::Status status = kernels::int8_errors_cpu({.tensors = tensors_of(call),
                                                             .rows = unit.rows,
                                                             .error = error.data(),
                                                             .threads = options.threads});
    require(status.ok, ErrorCode::kUnsupported, describe(site), ": ", status.reason);
    for (std::size_t i = 0; i < error.size(); ++i) {
      require(std::isfinite(error[i]), ErrorCode::kModel, describe(site), ", head ", i % heads,
              ": the error of INT8 is not finite");
      unit.sums.int8_error[first_head + i % heads] += error[i];
    }
  }

  void add_map(const CallSite& site, const AttentionCall& call, std::size_t first_head,
               UnitSums& sums) const {
    if (options.map_size == 0) {
      return;
    }
    const auto heads = static_cast<std::size_t>(call.heads);
    const auto batch = static_cast<std::size_t>(call.batch);
    std::vector<float> map(batch * heads * map_cells());
    const kernels::Status status = kernels::attention_map_cpu({.tensors = tensors_of(call),
                                                               .size = options.map_size,
                                                               .query_stride = query_stride(),
                                                               .map = map.data()},
                                                              options.threads);
    require(status.ok, ErrorCode::kUnsupported, describe(site), ": ", status.reason);
    const float share = 1.0f / static_cast<float>(call.batch);
    for (std::size_t row = 0; row < batch; ++row) {
      for (std::size_t i = 0; i < heads * map_cells(); ++i) {
        sums.map[first_head * map_cells() + i] += share * map[row * heads * map_cells() + i];
      }
    }
  }

  static kernels::AttentionTensors tensors_of(AttentionCall call) {
    call.scale =
        call.scale != 0.0f ? call.scale : 1.0f / std::sqrt(static_cast<float>(call.head_dim));
    return call;
  }

  bool prompts_done(std::int32_t t_index) const {
    for (std::size_t prompt = 0; prompt < options.prompts.size(); ++prompt) {
      if (!finished.contains({t_index, static_cast<std::int32_t>(prompt)})) {
        return false;
      }
    }
    return true;
  }

  float head_error(const UnitSums& of, std::size_t head, std::size_t candidate) const {
    // A head that puts out nothing has nothing to lose.
    return of.norm[head] > 0.0
               ? static_cast<float>(of.error[head * options.candidates.size() + candidate] /
                                    of.norm[head])
               : 0.0f;
  }

  // Sums of one t over prompts, in their order.
  UnitSums sums_at(std::int32_t t_index) const {
    UnitSums all(heads_all(), options.candidates.size(), 0, options.int8);
    for (std::size_t prompt = 0; prompt < options.prompts.size(); ++prompt) {
      const auto unit = finished.find({t_index, static_cast<std::int32_t>(prompt)});
      require(unit != finished.end(), ErrorCode::kUsage, "the profile lacks t ",
              options.t[static_cast<std::size_t>(t_index)], " of prompt ", prompt);
      const auto add = [](std::vector<double>& sum, const std::vector<double>& values) {
        std::transform(sum.begin(), sum.end(), values.begin(), sum.begin(), std::plus<>());
      };
      add(all.error, unit->second.error);
      add(all.norm, unit->second.norm);
      add(all.gain, unit->second.gain);
      add(all.branches, unit->second.branches);
      add(all.int8_error, unit->second.int8_error);
    }
    return all;
  }
};

Profiler::Profiler(ProfilerOptions options, std::stop_token stop)
    : impl_(std::make_unique<Impl>()) {
  check_options(options);
  Impl& self = *impl_;
  self.options = std::move(options);
  self.options.rows = rows_of_unit(self.options);
  for (double& t : self.options.t) {
    t = std::clamp(t, 0.0, 1.0);
  }
  if (self.options.run) {
    for (double& t : self.options.run->t) {
      check_t(t);
      t = std::clamp(t, 0.0, 1.0);
    }
  }
  if (std::optional<RunFacts>& run = self.options.run; run && run->grid == RunFacts{}.grid) {
    run->grid = {self.options.layout.frames, self.options.layout.rows, self.options.layout.cols};
  }
  self.stop = std::move(stop);
  Profile shape;  // the profile's own checks, before any work
  shape.model = self.options.model;
  shape.layout = self.options.layout;
  shape.candidates = self.options.candidates;
  shape.t = self.options.t;
  shape.run = self.options.run;
  shape.expert_boundary = self.options.expert_boundary;
  shape.head_error.resize(shape.t.size() * self.heads_all() * shape.candidates.size());
  shape.gain.resize(shape.t.size() * self.heads_all());
  check_profile(shape);
  dense_candidate(shape);

  self.lists.reserve(self.options.candidates.size());  // views point into them
  for (const Pattern& pattern : self.options.candidates) {
    const kernels::HeadTask task = task_of(pattern, static_cast<std::int32_t>(self.lists.size()));
    if (task.mode == kernels::HeadMode::kSparse) {
      self.lists.push_back(compile_pattern(pattern, self.options.layout));
      self.views.push_back(self.lists.back().view());
    }
    self.tasks.push_back(task);
  }
  if (!self.options.folder.empty()) {
    self.folder = std::make_unique<UnitFolder>(self.options.folder, self.options);
    self.finished = self.folder->read_all(self.new_sums());
    self.resumed = static_cast<std::int64_t>(self.finished.size());
  }
  self.begin = Clock::now();
}

Profiler::~Profiler() = default;
Profiler::Profiler(Profiler&&) noexcept = default;
Profiler& Profiler::operator=(Profiler&&) noexcept = default;

void Profiler::observe(const CallSite& site, const AttentionCall& call,
                       std::span<const double> gain) {
  if (impl_->stop.stop_requested()) {
    throw Cancelled();
  }
  impl_->check_site(site, gain);
  impl_->check_call(site, call);
  Impl::OpenUnit& unit = impl_->unit_of(site);
  impl_->add_errors(site, call, impl_->first_head(site), unit);
  impl_->add_int8_errors(site, call, impl_->first_head(site), unit);
  impl_->add_map(site, call, impl_->first_head(site), unit.sums);
  impl_->add_gain(site, gain, unit.sums);
}

void Profiler::observe(const CallSite& site, const CallMeasures& measures,
                       std::span<const double> gain) {
  if (impl_->stop.stop_requested()) {
    throw Cancelled();
  }
  impl_->check_site(site, gain);
  impl_->check_measures(site, measures);
  UnitSums& sums = impl_->unit_of(site).sums;
  const auto add = [](auto& to, std::size_t from, auto values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      to[from + i] += values[i];
    }
  };
  const std::size_t first = impl_->first_head(site);
  add(sums.norm, first, measures.norm);
  add(sums.error, first * impl_->tasks.size(), measures.error);
  add(sums.map, first * impl_->map_cells(), measures.map);
  add(sums.int8_error, first, measures.int8_error);
  impl_->add_gain(site, gain, sums);
}

std::span<const kernels::HeadTask> Profiler::tasks() const { return impl_->tasks; }
std::span<const kernels::TileListView> Profiler::lists() const { return impl_->views; }
std::int32_t Profiler::map_size() const { return impl_->options.map_size; }
std::int32_t Profiler::query_stride() const { return impl_->query_stride(); }
std::vector<std::int32_t> Profiler::rows(std::int32_t t_index, std::int32_t prompt) const {
  impl_->check_unit(t_index, prompt);
  return unit_rows(impl_->options, t_index, prompt);
}

void Profiler::finish_unit(std::int32_t t_index, std::int32_t prompt) {
  impl_->check_unit(t_index, prompt);
  const UnitKey key{t_index, prompt};
  const auto unit = impl_->open.find(key);
  const std::string where =
      concat("t ", impl_->options.t[static_cast<std::size_t>(t_index)], ", prompt ", prompt, ": ");
  require(unit != impl_->open.end(), ErrorCode::kModel, where, "no layer was observed");
  const ModelShape& model = impl_->options.model;
  const auto& seen = unit->second.seen;
  std::set<std::pair<std::int32_t, std::int32_t>> forwards;  // expert, branch
  for (const auto& [expert, stack, layer, branch] : seen) {
    forwards.emplace(expert, branch);
  }
  for (const auto& [expert, branch] : forwards) {
    for (std::int32_t stack = 0; stack < static_cast<std::int32_t>(model.stacks.size()); ++stack) {
      const StackShape& shape = model.stacks[static_cast<std::size_t>(stack)];
      for (std::int32_t layer = 0; layer < shape.layers; ++layer) {
        require(seen.contains({expert, stack, layer, branch}), ErrorCode::kModel, where, shape.name,
                " layer ", layer, " of branch ", branch, " was not observed");
      }
    }
  }
  if (impl_->folder) {
    impl_->folder->write(key, unit->second.sums);
  }
  impl_->finished.emplace(key, std::move(unit->second.sums));
  impl_->open.erase(unit);
}

bool Profiler::done(std::int32_t t_index, std::int32_t prompt) const {
  return impl_->finished.contains({t_index, prompt});
}

const ProfilerOptions& Profiler::options() const { return impl_->options; }

Progress Profiler::progress() const {
  const std::chrono::duration<double> seconds = Clock::now() - impl_->begin;
  return progress_at(
      static_cast<std::int64_t>(impl_->finished.size()),
      static_cast<std::int64_t>(impl_->options.t.size() * impl_->options.prompts.size()),
      seconds.count(), impl_->resumed);
}

Profile Profiler::finish() const {
  const ProfilerOptions& options = impl_->options;
  const std::size_t heads = static_cast<std::size_t>(options.model.heads_total());
  const std::size_t candidates = options.candidates.size();
  std::vector<UnitSums> sums;
  for (std::size_t time = 0; time < options.t.size(); ++time) {
    sums.push_back(impl_->sums_at(static_cast<std::int32_t>(time)));
  }
  // [expert] -> for each t the one that stands for it.
  const auto observed = [&](std::size_t time, std::size_t expert) {
    return sums[time].branches[expert * heads] > 0.0;
  };
  const auto stand_in = [&](std::size_t time, std::size_t expert) {
    std::size_t best = options.t.size();
    for (std::size_t other = 0; other < options.t.size(); ++other) {
      if (observed(other, expert) &&
          (best == options.t.size() || std::abs(options.t[other] - options.t[time]) <
                                           std::abs(options.t[best] - options.t[time]))) {
        best = other;
      }
    }
    require(best < options.t.size(), ErrorCode::kUsage, "expert \"", options.model.experts[expert],
            "\" was never observed");
    return best;
  };

  Profile profile;
  profile.model = options.model;
  profile.layout = options.layout;
  profile.candidates = options.candidates;
  profile.t = options.t;
  profile.prompts = options.prompts;
  profile.seeds = options.seeds;
  profile.run = options.run;
  profile.expert_boundary = options.expert_boundary;
  profile.provenance = options.provenance;
  profile.provenance["rows"] = std::to_string(options.rows);
  profile.provenance["row_seed"] = std::to_string(options.row_seed);
  for (std::size_t time = 0; time < options.t.size(); ++time) {
    for (std::size_t expert = 0; expert < options.model.experts.size(); ++expert) {
      const UnitSums& of = sums[stand_in(time, expert)];
      for (std::size_t head = expert * heads; head < (expert + 1) * heads; ++head) {
        for (std::size_t candidate = 0; candidate < candidates; ++candidate) {
          profile.head_error.push_back(impl_->head_error(of, head, candidate));
        }
        profile.gain.push_back(static_cast<float>(of.gain[head] / of.branches[head]));
        if (options.int8) {
          profile.int8_error.push_back(
              of.norm[head] > 0.0 ? static_cast<float>(of.int8_error[head] / of.norm[head]) : 0.0F);
        }
      }
    }
  }
  if (options.map_size > 0) {
    profile.map_size = options.map_size;
    const std::vector<float> maps = mean_maps();
    const auto size = static_cast<std::size_t>(options.map_size);
    profile.maps.resize(maps.size());
    for (std::size_t row = 0; row < maps.size(); row += size) {
      const float most = *std::max_element(maps.begin() + static_cast<std::ptrdiff_t>(row),
                                           maps.begin() + static_cast<std::ptrdiff_t>(row + size));
      for (std::size_t i = row; i < row + size && most > 0.0f; ++i) {
        profile.maps[i] = static_cast<std::uint8_t>(std::lround(255.0f * maps[i] / most));
      }
    }
  }
  check_profile(profile);
  return profile;
}

MeasuredErrors Profiler::errors_so_far() const {
  const ProfilerOptions& options = impl_->options;
  MeasuredErrors errors;
  for (std::size_t time = 0; time < options.t.size(); ++time) {
    const auto t_index = static_cast<std::int32_t>(time);
    if (!impl_->prompts_done(t_index)) {
      continue;
    }
    errors.t.push_back(options.t[time]);
    const UnitSums sums = impl_->sums_at(t_index);
    for (std::size_t head = 0; head < impl_->heads_all(); ++head) {
      for (std::size_t candidate = 0; candidate < options.candidates.size(); ++candidate) {
        errors.head_error.push_back(sums.branches[head] > 0.0
                                        ? impl_->head_error(sums, head, candidate)
                                        : std::numeric_limits<float>::quiet_NaN());
      }
    }
  }
  return errors;
}

std::vector<float> Profiler::mean_maps() const {
  const std::size_t heads = impl_->heads_all();
  const std::size_t cells = impl_->map_cells();
  std::vector<double> sum(heads * cells), branches(heads);
  for (const auto& [key, unit] : impl_->finished) {
    for (std::size_t head = 0; head < heads; ++head) {
      branches[head] += unit.branches[head];
      for (std::size_t i = head * cells; i < (head + 1) * cells; ++i) {
        sum[i] += static_cast<double>(unit.map[i]);
      }
    }
  }
  std::vector<float> maps(heads * cells);
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const double count = branches[i / cells];
    maps[i] = static_cast<float>(count > 0.0 ? sum[i] / count : 0.0);
  }
  return maps;
}

}  // namespace twill::search
