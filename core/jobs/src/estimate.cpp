// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/estimate.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "meter.h"
#include "session.h"
#include "timed_attention.h"
#include "twill/plan/compile.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/sampler_times.h"
#include "twill/search/adaptive_run.h"

namespace twill::jobs {
namespace {

// 5 x 16 x 16 tokens of Wan: a second of work on the demo model, and enough for attention to weigh.
constexpr ClipSize kSmall{.width = 256, .height = 256, .frames = 17};

// Highest resident memory of whole runs of the demo model at 5 to 81 frames of 128x128 and 256x256,
// fp32 and bf16, fitted: what the program and its libraries take, and what decoding and writing a
// pixel of a frame does (tests/jobs/test_estimate.cpp holds it within a third).
constexpr double kProgramBytes = 180e6;
constexpr double kBytesPerPixel = 66.0;
// The residual stream and its copies in fp32, q, k, v and the attention's output, the wide layer.
constexpr double kStreamCopies = 10.0;

Plan all_dense(const ModelShape& shape) {
  Plan plan{.name = "dense"};
  plan.model = shape;
  plan.patterns = {dense()};
  Segment segment;
  segment.heads.assign(shape.experts.size(),
                       std::vector<HeadPlan>(static_cast<std::size_t>(shape.heads_total())));
  plan.segments = {segment};
  return plan;
}

// About kSmall, in the steps of the family.
ClipSize small_clip(const ModelFamily& family) {
  const auto down = [](std::int32_t value, std::int32_t step) { return value / step * step; };
  return {.width = down(kSmall.width, family.width_step()),
          .height = down(kSmall.height, family.height_step()),
          .frames = down(kSmall.frames - 1, family.frame_step()) + 1};
}

struct ForwardTime {
  double attention = 0.0;
  double rest = 0.0;
};

ForwardTime time_forward(const Session& session, const EncodedPrompt& prompt,
                         engine::SelfAttention& attention) {
  session.warm_up(prompt, attention, 0.5);
  TimedAttention timed(attention);
  const Clock::time_point begin = Clock::now();
  session.warm_up(prompt, timed, 0.5);
  const double all = seconds_since(begin);
  return {.attention = timed.seconds(), .rest = std::max(0.0, all - timed.seconds())};
}

// Text that joins self-attention is left out: nobody has asked for a prompt yet.
TokenLayout layout_of(const report::ClipSettings& clip, const ModelFamily& family) {
  return family.grid({*clip.width, *clip.height, *clip.frames});
}

// Clips that are made of one prompt.
double clips_of(const GenerateOptions& options) {
  return !options.plan.empty() && options.compare_dense ? 2.0 : 1.0;
}

}  // namespace

ModelSpeed measure_speed(const report::ClipSettings& clip, const JobControl& control) {
  report::ClipSettings small = clip;
  const ClipSize size = small_clip(*engine::describe_model(clip.model).family);
  small.width = size.width;
  small.height = size.height;
  small.frames = size.frames;
  const Session session(small, control);
  Meter meter(control, "measure this machine", 3);
  const EncodedPrompt prompt = session.encode("");
  const double tokens = session.layout().tokens();
  engine::DenseAttention dense;
  const ForwardTime by_dense = time_forward(session, prompt, dense);
  meter.advance();
  engine::PlanAttention kernel(std::make_shared<const Plan>(all_dense(session.model().shape())),
                               prompt.layouts, session.clip().threads);
  const ForwardTime by_kernel = time_forward(session, prompt, kernel);
  meter.advance();
  double vae_seconds = 0.0;
  const std::array<std::int64_t, 5> shape = session.model().latent_shape(session.size());
  session.decode(at::zeros(shape, at::kFloat), "measure the VAE", &vae_seconds);
  meter.advance();
  return {
      .seconds_per_token = std::min(by_dense.rest, by_kernel.rest) / tokens,
      .dense_seconds_per_cell = by_dense.attention / (tokens * tokens),
      .sparse_seconds_per_cell = by_kernel.attention / (tokens * tokens),
      .vae_seconds_per_pixel = vae_seconds / (double{1} * size.frames * size.height * size.width),
      .dtype = session.dtype(),
      .device = session.device()};
}

ClipEstimate estimate_clip(const ModelFacts& facts, const ModelSpeed& speed,
                           const GenerateOptions& options, double density,
                           const AdaptingSpeed& adapting) {
  const report::ClipSettings clip = with_defaults(options.clip, facts);
  const ModelFamily& family = model_family(facts.shape.family);
  report::check_clip_settings(clip, family);
  const double tokens = layout_of(clip, family).tokens();
  double forwards = 0.0;
  for (const double t : sampler_t(*clip.sampler, *clip.steps, *clip.shift)) {
    forwards += clip.cfg->of(family.expert_at(t)) != 1.0 ? 2.0 : 1.0;
  }
  const double pixels = double{1} * *clip.frames * *clip.height * *clip.width;
  const bool sparse = !options.plan.empty();
  const bool dense = !sparse || options.compare_dense;
  const auto loop = [&](double seconds_per_cell, double share) {
    return forwards * tokens * (speed.seconds_per_token + seconds_per_cell * share * tokens);
  };
  ClipEstimate estimate{.tokens = static_cast<std::int64_t>(tokens),
                        .density = sparse ? density : 1.0};
  estimate.dense_seconds = dense ? loop(speed.dense_seconds_per_cell, 1.0) : 0.0;
  estimate.sparse_seconds = sparse ? loop(speed.sparse_seconds_per_cell, density) : 0.0;
  if (sparse && options.adapt) {
    const auto measured = static_cast<double>(search::measured_steps(*clip.steps).size());
    estimate.adapting_seconds =
        adapting.begin_seconds + measured * (forwards / *clip.steps * adapting.seconds_per_forward +
                                             adapting.seconds_per_solve);
    estimate.sparse_seconds += estimate.adapting_seconds;
  }
  estimate.vae_seconds = clips_of(options) * pixels * speed.vae_seconds_per_pixel;
  estimate.seconds = estimate.dense_seconds + estimate.sparse_seconds + estimate.vae_seconds;
  estimate.memory_bytes = process_bytes(facts, options, speed.dtype);
  return estimate;
}

std::int64_t process_bytes(const ModelFacts& facts, const GenerateOptions& options,
                           const std::string& dtype) {
  const report::ClipSettings clip = with_defaults(options.clip, facts);
  const double tokens = layout_of(clip, model_family(facts.shape.family)).tokens();
  const double pixels = double{1} * *clip.frames * *clip.height * *clip.width;
  const double clips = clips_of(options);
  const double bytes_a_number = dtype == "float32" ? 4.0 : 2.0;
  const double denoising = tokens * (4.0 * kStreamCopies * static_cast<double>(facts.dim) +
                                     bytes_a_number * 2.0 * static_cast<double>(facts.ffn_dim));
  const double weights = static_cast<double>(facts.weight_bytes) * bytes_a_number / 2.0;
  const double kept = 3.0 * pixels * (2.0 * clips - 1.0);
  return static_cast<std::int64_t>(kProgramBytes + weights + kept +
                                   std::max(denoising, kBytesPerPixel * pixels));
}

double plan_density(const ModelFacts& facts, const report::ClipSettings& settings,
                    const Plan& plan) {
  const report::ClipSettings clip = with_defaults(settings, facts);
  const ModelFamily& family = model_family(facts.shape.family);
  report::check_clip_settings(clip, family);
  check_plan_fits(plan, facts.shape);
  return run_density(CompiledPlan(plan, layout_of(clip, family)), plan,
                     sampler_t(*clip.sampler, *clip.steps, *clip.shift));
}

double plan_density(const ModelFacts& facts, const report::ClipSettings& clip,
                    const std::filesystem::path& file) {
  try {
    return plan_density(facts, clip, read_plan(file));
  } catch (const Error& error) {
    const std::string text = error.what();
    throw Error(error.code(),
                text.starts_with(file.string()) ? text : concat(file.string(), ": ", text));
  }
}

}  // namespace twill::jobs
