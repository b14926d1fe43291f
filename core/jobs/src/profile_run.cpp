// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "profile_run.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "clip_files.h"
#include "files.h"
#include "meter.h"
#include "profiling.h"
#include "solving.h"
#include "twill/search/candidates.h"
#include "twill/search/profiler.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

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

// Denoises dense and profiles `points`, the steps of the profiler's times. Returns the latents of a
// whole clip; nothing when units were kept, so that the loop ended early or did not begin.
std::optional<at::Tensor> profile_clip(const Session& session, search::Profiler& profiler,
                                       const std::vector<std::int64_t>& points, std::int32_t prompt,
                                       const EncodedPrompt& encoded, std::int64_t seed,
                                       std::int64_t steps, const std::string& stage,
                                       KeptSeconds& seconds, ProfilingTimes& times) {
  const auto missing_at = [&](std::int64_t step) -> std::optional<std::int32_t> {
    const auto found = std::find(points.begin(), points.end(), step);
    const auto point = static_cast<std::int32_t>(found - points.begin());
    return found == points.end() || profiler.done(point, prompt) ? std::nullopt
                                                                 : std::optional(point);
  };
  std::int64_t last = -1;
  for (const std::int64_t step : points) {
    last = missing_at(step) ? step : last;
  }
  if (last < 0) {
    return std::nullopt;
  }
  ProfilingAttention attention(profiler);
  Clock::time_point begin = Clock::now();
  Clock::time_point step_begin = begin;
  double profiled = 0.0;
  const LoopOptions loop{.steps = steps,
                         .stop_after = last + 1,
                         .before =
                             [&](std::int64_t step) {
                               step_begin = Clock::now();
                               if (const std::optional<std::int32_t> point = missing_at(step)) {
                                 attention.watch(*point, prompt);
                               }
                             },
                         .after =
                             [&](std::int64_t step) {
                               if (missing_at(step)) {
                                 const double profile = attention.seconds() - profiled;
                                 profiled += profile;
                                 times.profile += profile;
                                 times.forwards += seconds_since(step_begin) - profile;
                                 attention.finish();
                                 seconds.add(seconds_since(begin));
                                 begin = Clock::now();
                               }
                             }};
  const at::Tensor latents = session.denoise(encoded, seed, attention, stage, loop).latents;
  return last + 1 == steps ? std::optional(latents) : std::nullopt;
}

}  // namespace

std::vector<std::int64_t> profiled_steps(std::int64_t steps, std::int32_t points) {
  std::vector<std::int64_t> chosen;
  const std::int64_t count = std::min<std::int64_t>(points, steps);
  for (std::int64_t i = 0; i < count; ++i) {
    chosen.push_back(count == 1 ? 0 : (2 * i * (steps - 1) + count - 1) / (2 * (count - 1)));
  }
  return chosen;
}

KeptSeconds::KeptSeconds(fs::path file) : file_(std::move(file)) {
  std::error_code code;
  if (fs::exists(file_, code)) {
    const json kept = json::parse(read_text(file_, 4096), nullptr, false);
    total_ = kept.is_number() ? kept.get<double>() : 0.0;
  }
}

void KeptSeconds::add(double seconds) {
  total_ += seconds;
  write_text(file_, json(total_).dump());
}

ProfileRun::ProfileRun(const Session& session, const SearchOptions& options, fs::path work)
    : session_(session),
      options_(options),
      work_(std::move(work)),
      provenance_{
          {"device", session.device()},
          {"dtype", session.dtype()},
          {"model", concat(session.model().folder.filename().string(), " ", session.fingerprint())},
          {"torch", torch_version()},
          {"twill", TWILL_VERSION},
          {kSamplerKey, *session.clip().sampler},
          {kStepsKey, json(*session.clip().steps).dump()},
          {kShiftKey, json(*session.clip().shift).dump()},
          {"cfg", json(*session.clip().cfg).dump()},
          {"negative_prompt", session.clip().negative_prompt}},
      key_([&] {
        std::string key = session.dense_key() + concat(" map ", options.map_size, " points ",
                                                       options.points, " seed ", options.seed);
        for (const std::string& prompt : options.prompts) {
          key += "\n" + prompt;
        }
        return hex(hash_text(key));
      }()),
      seconds_(work_ / concat("seconds-", key_, ".json")) {}

double ProfileRun::seconds() const { return seconds_.total(); }

std::optional<double> ProfileRun::profiling_share() const {
  return times_.forwards > 0.0 ? std::optional(times_.profile / times_.forwards) : std::nullopt;
}

std::vector<Pattern> ProfileRun::candidates(const EncodedPrompt& prompt) {
  search::CandidateOptions offered;
  if (options_.map_size > 0) {
    const std::int64_t steps = std::min(kMapSteps, session_.steps());
    const std::vector<std::int64_t> all = profiled_steps(steps, static_cast<std::int32_t>(steps));
    search::Profiler profiler(
        {.model = session_.model().shape(),
         .layout = session_.layout(),
         .candidates = {dense()},
         .t = times_at(sampler_t(*session_.clip().sampler, static_cast<std::int32_t>(steps),
                                 *session_.clip().shift),
                       all),
         .prompts = {prompt.text},
         .seeds = {options_.seed},
         .map_size = options_.map_size,
         .threads = session_.clip().threads,
         .folder = work_ / concat("maps-", key_),
         .provenance = provenance_},
        session_.control().stop);
    ProfilingTimes map_times;  // of a clip of its own
    profile_clip(session_, profiler, all, 0, prompt, options_.seed, steps, "attention maps",
                 seconds_, map_times);
    offered.stripes =
        search::stripe_candidates(profiler.mean_maps(), session_.model().shape().heads_total(),
                                  options_.map_size, session_.layout());
  }
  return search::candidate_patterns(session_.layout(), offered);
}

Profile ProfileRun::run(const std::vector<EncodedPrompt>& prompts) {
  const std::vector<std::int64_t> points = profiled_steps(session_.steps(), options_.points);
  std::vector<std::int64_t> seeds;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    seeds.push_back(options_.seed + static_cast<std::int64_t>(i));
  }
  search::Profiler profiler({.model = session_.model().shape(),
                             .layout = session_.layout(),
                             .candidates = candidates(prompts.front()),
                             .t = times_at(session_.step_t(), points),
                             .prompts = options_.prompts,
                             .seeds = seeds,
                             .map_size = options_.map_size,
                             .threads = session_.clip().threads,
                             .folder = work_ / concat("profile-", key_),
                             .provenance = provenance_},
                            session_.control().stop);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::string number = concat("prompt ", i + 1, " of ", prompts.size());
    const std::optional<at::Tensor> latents =
        profile_clip(session_, profiler, points, static_cast<std::int32_t>(i), prompts[i], seeds[i],
                     session_.steps(), "profile " + number, seconds_, times_);
    // Probes are compared with the first prompt's clip.
    if (i == 0 && options_.probes > 0 && latents) {
      DenseClips(work_, session_)
          .keep(prompts[i].text, seeds[i], session_.decode(*latents, "decode " + number));
    }
  }
  return profiler.finish();
}

}  // namespace twill::jobs
