// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "clip_profiler.h"

#include <algorithm>
#include <cmath>

#include "clip_files.h"
#include "files.h"
#include "json.h"
#include "meter.h"
#include "profiling_attention.h"
#include "solving.h"
#include "twill/jobs/model_facts.h"
#include "twill/plan/plan_view.h"
#include "twill/plan/sampler_times.h"
#include "twill/plan/text_hash.h"
#include "twill/report/heads_picture.h"
#include "twill/search/candidates.h"
#include "twill/search/profiler.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

// Steps of the clip that only its attention maps are wanted of.
constexpr std::int64_t kMapSteps = 6;

std::vector<double> times_at(const std::vector<double>& step_t,
                             const std::vector<std::int64_t>& steps) {
  std::vector<double> t;
  for (const std::int64_t step : steps) {
    t.push_back(step_t[static_cast<std::size_t>(step)]);
  }
  return t;
}

// The maps so far as a picture, each row of a map scaled to its maximum as in a profile.
void show_maps(const Session& session, const search::Profiler& profiler,
               const SearchOptions& options) {
  if (!options.live || *options.map_size <= 0) {
    return;
  }
  constexpr std::int32_t kCell = 52;  // pixels of a map, at least
  Profile profile{.model = session.model().shape(), .map_size = *options.map_size};
  const std::vector<float> maps = profiler.mean_maps();
  const auto width = static_cast<std::size_t>(*options.map_size);
  profile.maps.resize(maps.size());
  for (std::size_t row = 0; row + width <= maps.size(); row += width) {
    const float most = *std::max_element(maps.begin() + static_cast<std::ptrdiff_t>(row),
                                         maps.begin() + static_cast<std::ptrdiff_t>(row + width));
    for (std::size_t i = row; i < row + width; ++i) {
      profile.maps[i] = most > 0.0f ? static_cast<std::uint8_t>(255.0f * maps[i] / most + 0.5f) : 0;
    }
  }
  options.live(report::draw_heads(profile, nullptr, 0, 0, kCell));
}

// What one clip is to be profiled for.
struct ClipTask {
  std::vector<double> t;  // of the clip's steps, all profiled
  std::int32_t prompt = 0;
  std::uint64_t seed = 0;
  std::string folder;  // name of the one that units are kept in
  std::string stage;
};

// Denoises with `inner` as far as units are missing.
void profile_clip(const Session& session, engine::SelfAttention& inner, search::Profiler& profiler,
                  const ClipTask& task, const EncodedPrompt& encoded, KeptSeconds& seconds,
                  ProfilingTimes& times, const SearchOptions& options) {
  const auto missing = [&](std::int64_t step) {
    return !profiler.done(static_cast<std::int32_t>(step), task.prompt);
  };
  const auto unit = [&](std::int64_t step) {
    return concat(task.folder, " prompt ", task.prompt, " step ", step);
  };
  std::int64_t last = -1;
  for (std::int64_t step = 0; step < std::ssize(task.t); ++step) {
    if (missing(step)) {
      last = step;
    } else {
      seconds.count(unit(step));
    }
  }
  if (last < 0) {
    return;
  }
  ProfilingAttention attention(profiler, inner);
  Clock::time_point begin = Clock::now();
  Clock::time_point step_begin = begin;
  double profiled = 0.0;
  const auto before = [&](std::int64_t step) {
    step_begin = Clock::now();
    if (missing(step)) {
      attention.watch(static_cast<std::int32_t>(step), task.prompt);
    }
  };
  const auto after = [&](std::int64_t step) {
    if (missing(step)) {
      const double profile = attention.seconds() - profiled;
      profiled += profile;
      times.profile += profile;
      times.forwards += seconds_since(step_begin) - profile;
      // Before the unit itself: wherever a kill falls, a unit that is kept has its seconds.
      seconds.add(unit(step), seconds_since(begin));
      begin = Clock::now();
      attention.finish();
      const Clock::time_point before_picture = Clock::now();
      show_maps(session, profiler, options);
      begin += Clock::now() - before_picture;
    }
  };
  session.denoise(encoded, task.seed, attention, task.stage,
                  {.t = task.t, .stop_after = last + 1, .before = before, .after = after});
}

}  // namespace

std::vector<std::int64_t> profiled_steps(const std::vector<double>& step_t, std::int32_t points) {
  const auto steps = std::ssize(step_t);
  const std::int64_t count = std::min<std::int64_t>(points, steps);
  if (count < 2) {
    return {0};
  }
  const search::TimeWeight weight = search::default_time_weight();
  std::vector<double> before;  // weight of the steps up to each one
  for (const double t : step_t) {
    before.push_back((before.empty() ? 0.0 : before.back()) + std::sqrt(weight.at(t)));
  }
  std::vector<std::int64_t> chosen{0};
  for (std::int64_t i = 1; i < count; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(count - 1);
    const double wanted = before.front() + share * (before.back() - before.front());
    const auto found = std::lower_bound(before.begin(), before.end(), wanted - 1e-9);
    // Each step once, and room for those that come.
    chosen.push_back(
        std::clamp<std::int64_t>(found - before.begin(), chosen.back() + 1, steps - count + i));
  }
  return chosen;
}

void KeptSeconds::add(const std::string& unit, double seconds) {
  kept_.put(key_of(unit), seconds);
  here_[unit] = seconds;
}

void KeptSeconds::count(const std::string& unit) {
  const std::optional<json> kept = here_.contains(unit) ? std::nullopt : kept_.get(key_of(unit));
  if (kept && kept->is_number()) {
    elsewhere_[unit] = kept->get<double>();
  }
}

double KeptSeconds::elsewhere() const {
  double sum = 0.0;
  for (const auto& [unit, seconds] : elsewhere_) {
    sum += seconds;
  }
  return sum;
}

double KeptSeconds::total() const {
  double sum = elsewhere();
  for (const auto& [unit, seconds] : here_) {
    sum += seconds;
  }
  return sum;
}

std::string KeptSeconds::key_of(const std::string& unit) { return concat("seconds of ", unit); }

ClipProfiler::ClipProfiler(const Session& session, const SearchOptions& options, fs::path work)
    : session_(session),
      options_(options),
      work_(std::move(work)),
      provenance_{{"device", session.device()},
                  {"dtype", session.dtype()},
                  {"model", concat(model_name(session.model().folder), " ", session.fingerprint())},
                  {"torch", torch_version()},
                  {"twill", TWILL_VERSION},
                  {"cfg", json_dump(json(*session.clip().cfg))},
                  {"negative_prompt", session.clip().negative_prompt}},
      key_([&] {
        std::string key = session.dense_key() + concat(" map ", *options.map_size, " points ",
                                                       options.points, " seed ", options.seed);
        for (const std::string& prompt : options.prompts) {
          key += "\n" + prompt;
        }
        return hex(hash_text(key));
      }()),
      seconds_(KeptValues(kept_folder(work_))) {}

RunFacts ClipProfiler::run_of_steps(const std::vector<double>& t) const {
  const report::ClipSettings& clip = session_.clip();
  return {.t = t,
          .expert = {},
          .weight = {},
          .sampler = *clip.sampler,
          .scheduler = {},
          .shift = *clip.shift > 0.0 ? std::optional(*clip.shift) : std::nullopt,
          .steps = static_cast<std::int32_t>(t.size())};
}

double ClipProfiler::seconds() const { return seconds_.total(); }

double ClipProfiler::seconds_elsewhere() const { return seconds_.elsewhere(); }

std::optional<double> ClipProfiler::profiling_share() const {
  return times_.forwards > 0.0 ? std::optional(times_.profile / times_.forwards) : std::nullopt;
}

std::vector<Pattern> ClipProfiler::candidates(const EncodedPrompt& prompt) {
  search::CandidateOptions offered;
  if (*options_.map_size > 0) {
    const std::int64_t steps = std::min(kMapSteps, session_.steps());
    const std::vector<double> t = sampler_t(
        *session_.clip().sampler, static_cast<std::int32_t>(steps), *session_.clip().shift);
    const std::string folder = concat("maps-", key_);
    search::Profiler profiler({.model = session_.model().shape(),
                               .layout = session_.layout(),
                               .candidates = {dense()},
                               .t = t,
                               .prompts = {prompt.text},
                               .seeds = {options_.seed},
                               .map_size = *options_.map_size,
                               .threads = session_.clip().threads,
                               .folder = work_ / folder,
                               .run = run_of_steps(t),
                               .provenance = provenance_},
                              session_.control().stop);
    ProfilingTimes map_times;  // of a clip of its own
    profile_clip(session_, *session_.dense_by_kernel(), profiler,
                 {.t = t, .seed = options_.seed, .folder = folder, .stage = "attention maps"},
                 prompt, seconds_, map_times, options_);
    offered.stripes =
        search::stripe_candidates(profiler.mean_maps(), session_.model().shape().heads_total(),
                                  *options_.map_size, session_.layout());
  }
  return search::candidate_patterns(session_.layout(), offered);
}

Profile ClipProfiler::run(const std::vector<EncodedPrompt>& prompts) {
  return profile(prompts, *session_.dense_by_kernel(), key_, provenance_);
}

Profile ClipProfiler::run_along(const std::vector<EncodedPrompt>& prompts, const Plan& plan) {
  const std::string hash = fingerprint(plan);
  std::map<std::string, std::string> provenance = provenance_;
  provenance["trajectory"] = concat("of the plan ", hash);
  engine::PlanAttention sparse(std::make_shared<Plan>(plan), session_.layout(),
                               session_.clip().threads);
  return profile(prompts, sparse, concat(key_, "-", hash), provenance);
}

Profile ClipProfiler::profile(const std::vector<EncodedPrompt>& prompts,
                              engine::SelfAttention& attention, const std::string& key,
                              const std::map<std::string, std::string>& provenance) {
  const std::vector<double> t =
      times_at(session_.step_t(), profiled_steps(session_.step_t(), options_.points));
  std::vector<std::uint64_t> seeds;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    seeds.push_back(report::seed_at(options_.seed, i));
  }
  const std::string folder = concat("profile-", key);
  search::Profiler profiler({.model = session_.model().shape(),
                             .layout = session_.layout(),
                             .candidates = candidates(prompts.front()),
                             .t = t,
                             .prompts = options_.prompts,
                             .seeds = seeds,
                             .map_size = *options_.map_size,
                             .threads = session_.clip().threads,
                             .folder = work_ / folder,
                             .run = run_of_steps(session_.step_t()),
                             .provenance = provenance},
                            session_.control().stop);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    profile_clip(session_, attention, profiler,
                 {.t = t,
                  .prompt = static_cast<std::int32_t>(i),
                  .seed = seeds[i],
                  .folder = folder,
                  .stage = concat("profile prompt ", i + 1, " of ", prompts.size())},
                 prompts[i], seconds_, times_, options_);
  }
  return profiler.finish();
}

}  // namespace twill::jobs
