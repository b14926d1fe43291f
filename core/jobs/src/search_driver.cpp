// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "search_driver.h"

#include <c10/core/DeviceGuard.h>

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include "cost_table.h"
#include "files.h"
#include "json.h"
#include "meter.h"
#include "profiling_attention.h"
#include "solving.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/jobs/model_facts.h"
#include "twill/kernels/cuda_attention.h"
#include "twill/plan/error.h"
#include "twill/plan/sampler_times.h"
#include "twill/plan/text.h"
#include "twill/report/heads_picture.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

RunFacts run_of_steps(const Session& session, std::vector<double> t) {
  const report::ClipSettings& clip = session.clip();
  const auto steps = static_cast<std::int32_t>(t.size());
  std::vector<std::int32_t> experts;
  if (session.model().experts.size() > 1) {
    experts = session.experts_at(t);
  }
  return {.t = std::move(t),
          .expert = std::move(experts),
          .weight = {},
          .sampler = *clip.sampler,
          .scheduler = {},
          .shift = *clip.shift > 0.0 ? std::optional(*clip.shift) : std::nullopt,
          .steps = steps};
}

// Where nobody says it, as far as there is a kernel for the model's device.
bool measures_int8(const Session& session, const SolveOptions& solve) {
  if (solve.int8_error_share) {
    return *solve.int8_error_share > 0.0;
  }
  const std::optional<kernels::Dtype> dtype = engine::kernel_dtype(session.model().dtype);
  if (!session.model().device.is_cuda() || !dtype) {
    return false;
  }
  const c10::DeviceGuard guard(session.model().device);
  return kernels::why_no_cuda_kernel({.head_dim = session.model().shape().head_dim,
                                      .dtype = *dtype,
                                      .scale = 1.0F,
                                      .precision = kernels::Precision::kInt8})
      .ok;
}

}  // namespace

std::optional<search::SearchTarget> target_of(const Target& target) {
  if (!target.min_psnr_db && !target.min_speedup) {
    return std::nullopt;
  }
  return search::SearchTarget{
      .wish = target.min_psnr_db ? search::Wish::kPsnr : search::Wish::kSpeedup,
      .value = target.min_psnr_db ? *target.min_psnr_db : *target.min_speedup,
      .most_tries = target.most_tries};
}

search::SearchRequest request_for(const Session& session, const TokenLayout& layout,
                                  const SearchOptions& options, const fs::path& work) {
  const report::ClipSettings& clip = session.clip();
  search::SearchRequest request{
      .model = session.model().shape(),
      .layout = layout,
      .run = run_of_steps(session, session.step_t()),
      .maps_run = run_of_steps(
          session, sampler_t(*clip.sampler, search::map_steps(*clip.steps), *clip.shift)),
      .expert_boundary = session.model().family->boundary,
      .prompts = options.prompts,
      .seeds = {},
      .points = options.points,
      .map_size = options.map_size,
      .int8 = measures_int8(session, options.solve),
      .solve = options.solve,
      .probes = options.probes,
      .sparse_trajectory = options.sparse_trajectory,
      .provenance = {{"device", session.device()},
                     {"dtype", session.dtype()},
                     {"model",
                      concat(model_name(session.model().files.path), " ", session.fingerprint())},
                     {"torch", torch_version()},
                     {"twill", TWILL_VERSION},
                     {"cfg", concat(*clip.cfg)},
                     {"negative_prompt", clip.negative_prompt},
                     {"prompt_weights",
                      std::string(name_in(kPromptWeightsNames, clip.prompt_weights))}},
      .clip_key = session.dense_key(),
      .device = concat(session.device(), "\n", session.dtype(), "\n", clip.threads, " threads\n",
                       cpu_kernel_name()),
      .work = work,
      .threads = clip.threads};
  for (const auto& [name, file] :
       {std::pair("image", &clip.image), std::pair("end_image", &clip.end_image)}) {
    if (!file->empty()) {
      request.provenance[name] = valid_utf8(file->filename().string());
    }
  }
  for (std::size_t i = 0; i < options.prompts.size(); ++i) {
    request.seeds.push_back(report::seed_at(options.seed, i));
  }
  for (std::size_t i = 0; i < clip.loras.size(); ++i) {
    request.provenance[concat("lora_", i + 1)] = lora_text(clip.loras[i]);
  }
  request.target = target_of(options.target);
  if (const fs::path cache = cache_folder(); !cache.empty()) {
    request.costs = cache / "costs";
  }
  return request;
}

SearchDriver::SearchDriver(const Session& session, const SearchOptions& options,
                           const std::vector<EncodedPrompt>& prompts, const fs::path& work,
                           search::SearchRun& run)
    : session_(session), options_(options), prompts_(prompts), run_(run), quality_(session, work) {}

void SearchDriver::work_until_done() {
  while (const std::optional<search::SearchWork> work = run_.next()) {
    std::visit([&](const auto& asked) { work_on(asked); }, *work);
  }
}

std::optional<double> SearchDriver::profiling_share() const {
  return forward_seconds_ > 0.0 ? std::optional(profile_seconds_ / forward_seconds_) : std::nullopt;
}

std::string SearchDriver::measured_on() const {
  std::string all;
  for (const std::string& device : measured_on_) {
    all += concat(all.empty() ? "" : ", ", device);
  }
  return all;
}

void SearchDriver::work_on(const search::ClipWork& work) {
  const EncodedPrompt& prompt = prompts_[static_cast<std::size_t>(work.prompt)];
  const TokenLayout& layout = prompt.layouts.front();
  const std::shared_ptr<search::Profiler> profiler = run_.profiler(layout);
  const std::unique_ptr<engine::SelfAttention> inner =
      work.plan
          ? std::make_unique<engine::PlanAttention>(work.plan, layout, session_.clip().threads)
          : session_.dense_by_kernel(prompt);
  const std::unique_ptr<CallMeasurer> measurer =
      session_.measurer(measuring_task(*profiler, layout.tokens()));
  ProfilingAttention attention(*profiler, *measurer, *inner);
  std::map<std::int64_t, std::int32_t> shown;  // t_index of each step
  for (const search::ShownStep& each : work.shown) {
    shown[each.step] = each.t_index;
  }
  const bool maps = work.purpose == search::ClipWork::Purpose::kMaps;
  Clock::time_point begin = Clock::now();
  Clock::time_point step_begin = begin;
  double profiled = 0.0;
  const auto before = [&](std::int64_t step) {
    step_begin = Clock::now();
    if (shown.contains(step)) {
      attention.watch(shown[step], work.prompt);
    }
  };
  const auto after = [&](std::int64_t step) {
    if (!shown.contains(step)) {
      return;
    }
    const double profile = attention.seconds() - profiled;
    profiled += profile;
    if (!maps) {
      profile_seconds_ += profile;
      forward_seconds_ += seconds_since(step_begin) - profile;
    }
    attention.finish();
    run_.finish_unit(shown[step], seconds_since(begin));
    show_maps(*profiler);
    begin = Clock::now();
  };
  const std::string stage =
      maps ? "attention maps" : concat("profile prompt ", work.prompt + 1, " of ", prompts_.size());
  session_.denoise(
      prompt, work.seed, attention, stage,
      {.t = work.t, .stop_after = work.shown.back().step + 1, .before = before, .after = after});
  if (!maps) {
    measured_on_.insert(attention.measured_on().begin(), attention.measured_on().end());
  }
  run_.clip_made();
}

void SearchDriver::work_on(const search::CostWork& work) {
  run_.costs_measured(measure_costs(*work.profile, session_.device(), session_.dtype(),
                                    session_.clip().threads, session_.control()));
}

void SearchDriver::work_on(const search::QualityWork& work) {
  const Clock::time_point begin = Clock::now();
  const bool probe = work.purpose == search::QualityWork::Purpose::kProbe;
  const std::string stage = probe ? concat("probe ", work.number, " of ", work.of)
                                  : concat("try ", work.number, " of at most ", work.of,
                                           ", prompt ", work.prompt + 1, " of ", prompts_.size());
  run_.quality_measured(
      quality_
          .measure(*work.plan, prompts_[static_cast<std::size_t>(work.prompt)], work.seed, stage)
          .psnr_db);
  target_seconds_ += probe ? 0.0 : seconds_since(begin);
}

void SearchDriver::work_on(const search::SecondsWork& work) {
  const Clock::time_point begin = Clock::now();
  const std::string stage = concat("try ", work.number, " of at most ", work.of);
  const auto seconds_by = [&](engine::SelfAttention& attention, double t, const std::string& what) {
    session_.warm_up(prompts_.front(), attention, t);
    return session_.denoise(prompts_.front(), options_.seed, attention, what).seconds;
  };
  if (work.plan) {
    engine::PlanAttention sparse(work.plan, prompts_.front().layouts, session_.clip().threads);
    run_.seconds_measured(seconds_by(sparse, session_.step_t().back(), stage));
  } else {
    engine::DenseAttention dense;
    run_.seconds_measured(seconds_by(dense, session_.step_t().front(), "dense clip for " + stage));
  }
  target_seconds_ += seconds_since(begin);
}

// The maps so far as a picture, each row of a map scaled to its maximum as in a profile.
void SearchDriver::show_maps(const search::Profiler& profiler) const {
  if (!options_.live || *options_.map_size <= 0) {
    return;
  }
  constexpr std::int32_t kCell = 52;  // pixels of a map, at least
  Profile profile{.model = session_.model().shape(), .map_size = *options_.map_size};
  const std::vector<float> maps = profiler.mean_maps();
  const auto width = static_cast<std::size_t>(*options_.map_size);
  profile.maps.resize(maps.size());
  for (std::size_t row = 0; row + width <= maps.size(); row += width) {
    const float most = *std::max_element(maps.begin() + static_cast<std::ptrdiff_t>(row),
                                         maps.begin() + static_cast<std::ptrdiff_t>(row + width));
    for (std::size_t i = row; i < row + width; ++i) {
      profile.maps[i] = most > 0.0f ? static_cast<std::uint8_t>(255.0f * maps[i] / most + 0.5f) : 0;
    }
  }
  options_.live(report::draw_heads(profile, nullptr, 0, 0, kCell));
}

}  // namespace twill::jobs
