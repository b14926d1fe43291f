// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "session.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/version.h>

#include <algorithm>

#include "meter.h"
#include "timed_attention.h"
#include "twill/engine/device.h"
#include "twill/engine/noise.h"
#include "twill/engine/sampler.h"
#include "twill/jobs/model_facts.h"
#include "twill/plan/plan_io.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

engine::LoadOptions load_options(const ClipSettings& settings, const JobControl& control) {
  engine::LoadOptions options{.stop = control.stop};
  for (const c10::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    if (settings.dtype == engine::dtype_name(dtype)) {
      options.dtype = dtype;
    }
  }
  return options;
}

}  // namespace

Session::Session(const ClipSettings& settings, const JobControl& control)
    : control_(control), clip_(settings) {
  check_clip_settings(settings);
  if (clip_.threads > 0) {
    at::set_num_threads(clip_.threads);
  }
  std::error_code code;
  require(fs::is_directory(clip_.model, code), ErrorCode::kFile, clip_.model.string(),
          ": no such model folder");
  Meter meter(control_, "load " + clip_.model.filename().string(), 1);
  model_ = engine::load_model(clip_.model, load_options(clip_, control_));
  const engine::ModelDefaults& defaults = model_.defaults;
  clip_.width = clip_.width.value_or(defaults.size.width);
  clip_.height = clip_.height.value_or(defaults.size.height);
  clip_.frames = clip_.frames.value_or(defaults.size.frames);
  clip_.fps = clip_.fps.value_or(defaults.fps);
  clip_.steps = clip_.steps.value_or(defaults.steps);
  clip_.shift = clip_.shift.value_or(defaults.shift);
  clip_.cfg = clip_.cfg.value_or(defaults.cfg);
  clip_.sampler = clip_.sampler.value_or(defaults.sampler);
  clip_.dtype = engine::dtype_name(model_.dtype);
  layout_ = model_.layout(size());
  step_t_ = sampler_t(*clip_.sampler, *clip_.steps, *clip_.shift);
  for (const double t : step_t_) {
    forward_t_.insert(forward_t_.end(), guided() ? 2 : 1, t);
  }
  meter.advance();
}

std::string Session::device() const { return engine::device_name(model_.device); }

const std::string& Session::fingerprint() const {
  if (fingerprint_.empty()) {
    fingerprint_ = model_fingerprint(clip_.model);
  }
  return fingerprint_;
}

std::string Session::dense_key() const {
  return concat(fingerprint(), " ", *clip_.width, "x", *clip_.height, "x", *clip_.frames, " ",
                *clip_.sampler, " steps ", *clip_.steps, " shift ", *clip_.shift, " cfg ",
                *clip_.cfg, " negative \"", clip_.negative_prompt, "\" ", *clip_.dtype, " ",
                device(), " torch ", torch_version());
}

EncodedPrompt Session::encode(const std::string& prompt) const {
  const c10::InferenceMode inference;
  const Clock::time_point begin = Clock::now();
  EncodedPrompt encoded{.text = prompt};
  const auto prepare = [&](const std::string& text) {
    return model_.dit->prepare_prompt(model_.text->encode(text).to(model_.device));
  };
  encoded.positive = prepare(prompt);
  if (guided()) {
    encoded.negative = prepare(clip_.negative_prompt);
  }
  synchronise(model_.device);
  encoded.seconds = seconds_since(begin);
  return encoded;
}

Denoised Session::denoise(const EncodedPrompt& prompt, std::int64_t seed,
                          engine::SelfAttention& attention, const std::string& stage,
                          const LoopOptions& loop) const {
  const c10::InferenceMode inference;
  const auto sampler =
      loop.t.empty()
          ? engine::make_sampler(*clip_.sampler,
                                 static_cast<std::int32_t>(loop.steps > 0 ? loop.steps : steps()),
                                 *clip_.shift)
          : engine::make_euler(loop.t);
  const std::vector<double> times = sampler->t();
  const auto all = std::ssize(times);
  const std::int64_t count = loop.stop_after > 0 ? std::min(loop.stop_after, all) : all;
  TimedAttention timed(attention);
  at::Tensor x = engine::make_noise(model_.latent_shape(size()), static_cast<std::uint64_t>(seed))
                     .to(model_.device);
  Meter meter(control_, stage, count);
  double hook_seconds = 0.0;
  const auto call = [&](const auto& hook, auto... arguments) {
    if (hook) {
      const Clock::time_point begin = Clock::now();
      hook(arguments...);
      hook_seconds += seconds_since(begin);
    }
  };
  synchronise(model_.device);
  const Clock::time_point begin = Clock::now();
  for (std::int64_t step = 0; step < count; ++step) {
    meter.check_stop();
    call(loop.before, step);
    const double t = times[static_cast<std::size_t>(step)];
    const engine::StepInfo info{.t = t, .stop = control_.stop};
    const at::Tensor timestep =
        at::full({1}, 1000.0 * t, at::TensorOptions(model_.device).dtype(at::kFloat));
    const auto forward = [&](const engine::WanPrompt& words) {
      return model_.dit->forward(x, timestep, words, timed, info);
    };
    at::Tensor velocity = forward(prompt.positive);
    if (prompt.negative) {
      const at::Tensor away = forward(*prompt.negative);
      velocity = away + *clip_.cfg * (velocity - away);
    }
    if (loop.estimate) {
      call(loop.estimate, step, at::sub(x, velocity, t));
    }
    x = sampler->step(static_cast<std::size_t>(step), x, velocity);
    call(loop.after, step);
    meter.advance();
  }
  synchronise(model_.device);
  return {.latents = x,
          .seconds = seconds_since(begin) - hook_seconds,
          .attention_seconds = timed.seconds()};
}

void Session::warm_up(const EncodedPrompt& prompt, engine::SelfAttention& attention,
                      double t) const {
  const c10::InferenceMode inference;
  const at::Tensor x =
      at::zeros(model_.latent_shape(size()), at::TensorOptions(model_.device).dtype(at::kFloat));
  const at::Tensor timestep = at::full({1}, 1000.0 * t, x.options());
  model_.dit->forward(x, timestep, prompt.positive, attention, {.t = t, .stop = control_.stop});
  synchronise(model_.device);
}

at::Tensor Session::decode(const at::Tensor& latents, const std::string& stage,
                           double* seconds) const {
  const c10::InferenceMode inference;
  const Clock::time_point begin = Clock::now();
  Meter meter(control_, stage, latents.size(2));
  const engine::VaeOptions options{
      .progress = [&](std::int64_t done, std::int64_t) { meter.set(done); }, .stop = control_.stop};
  const at::Tensor video = model_.vae->decode(latents.to(model_.device), options);
  at::Tensor frames =
      ((video[0] + 1.0) * 127.5).round().clamp(0, 255).to(at::kByte).permute({1, 2, 3, 0});
  frames = frames.to(at::kCPU).contiguous();
  if (seconds != nullptr) {
    *seconds = seconds_since(begin);
  }
  return frames;
}

std::unique_ptr<engine::SelfAttention> Session::dense_by_kernel() const {
  auto plan = std::make_shared<Plan>();
  plan->name = "dense";
  plan->model = model_.shape();
  plan->patterns = {dense()};
  plan->segments = {{.t_begin = 0.0, .t_end = 1.0, .dense = true}};
  return std::make_unique<engine::PlanAttention>(std::move(plan), layout_, clip_.threads);
}

std::shared_ptr<const Plan> Session::read_plan_for_model(const fs::path& file) const {
  auto plan = std::make_shared<Plan>(read_plan(file));
  try {
    check_plan_fits(*plan, model_.shape());
  } catch (const Error& error) {
    throw Error(error.code(), concat(file.string(), ": ", error.what()));
  }
  return plan;
}

std::vector<double> sampler_t(const std::string& sampler, std::int32_t steps, double shift) {
  return engine::make_sampler(sampler, steps, shift)->t();
}

AttentionUse attention_use(const engine::AttentionCounts& counts) {
  return {.sparse_calls = counts.sparse,
          .planned_dense_calls = counts.planned_dense,
          .fallbacks = counts.fallback};
}

void add(AttentionUse& sum, const AttentionUse& use) {
  sum.sparse_calls += use.sparse_calls;
  sum.planned_dense_calls += use.planned_dense_calls;
  for (const auto& [reason, calls] : use.fallbacks) {
    sum.fallbacks[reason] += calls;
  }
}

std::string torch_version() { return TORCH_VERSION; }

}  // namespace twill::jobs
