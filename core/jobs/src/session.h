// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A loaded model with its settings filled in: what all jobs make clips with.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "call_measurer.h"
#include "kept_steps.h"
#include "twill/engine/attention.h"
#include "twill/engine/model.h"
#include "twill/engine/schedule.h"
#include "twill/jobs/job.h"
#include "twill/report/attention_use.h"
#include "twill/report/clip_settings.h"
#include "twill/report/measured_with.h"

namespace twill::jobs {

struct EncodedPrompt {
  std::string text;
  engine::Conditioned positive;
  std::optional<engine::Conditioned> negative;  // where some step is guided
  // Of the clip's forwards, all different: the first is the positive prompt's.
  std::vector<TokenLayout> layouts;
  double seconds = 0.0;
};

struct Denoised {
  at::Tensor latents;
  double seconds = 0.0;            // the loop's wall clock
  double attention_seconds = 0.0;  // its self-attention
};

struct LoopOptions {
  std::int64_t steps = 0;  // 0: the clip's
  // t of every step, descending, instead of the sampler's: Euler steps from each to the next.
  std::vector<double> t;
  std::int64_t stop_after = 0;  // leave the loop after so many steps; 0: all
  // Called around every step, outside the loop's clock.
  std::function<void(std::int64_t step)> before;
  std::function<void(std::int64_t step)> after;
  // Given the clip that the network sees in x after every step.
  std::function<void(std::int64_t step, const at::Tensor& latents)> estimate;
  // Where the clip stands is kept there, and one that stands there goes on; null: it begins anew.
  KeptSteps* kept = nullptr;
};

class Session {
 public:
  // Loads the model. Throws Error(kFile, kUsage).
  Session(const report::ClipSettings& settings, const JobControl& control);
  // With a model that is loaded already.
  Session(const report::ClipSettings& settings, engine::VideoModel model,
          const JobControl& control);

  const engine::VideoModel& model() const { return model_; }
  const report::ClipSettings& clip() const { return clip_; }  // all is filled in but vram_gib
  engine::ClipSize size() const { return {*clip_.width, *clip_.height, *clip_.frames}; }
  // Tokens of a clip, those of its prompt not among them: EncodedPrompt::layouts has them.
  const TokenLayout& layout() const { return layout_; }
  // The one layout of all these prompts' forwards. Throws Error(kUnsupported) naming two where they
  // differ; `what` needs one.
  TokenLayout only_layout(const std::vector<EncodedPrompt>& prompts, const std::string& what) const;
  // t of every step in the order of the loop.
  const std::vector<double>& step_t() const { return step_t_; }
  // t of every forward: with guidance each step has two.
  const std::vector<double>& forward_t() const { return forward_t_; }
  // The expert that runs at each of `t`.
  std::vector<std::int32_t> experts_at(const std::vector<double>& t) const;
  bool guided() const { return clip_.cfg->any(); }
  // Of the expert that runs at t; 1: a step there has one forward.
  double guidance_at(double t) const { return clip_.cfg->of(model_.family->expert_at(t)); }
  std::int64_t steps() const { return *clip_.steps; }
  const std::string& dtype() const { return *clip_.dtype; }
  std::string device() const;
  // Of its pictures "start.png 0123456789abcdef", the file's name and its fingerprint; empty: none.
  const std::string& image_name() const { return image_name_; }
  const std::string& end_image_name() const { return end_image_name_; }
  // model_fingerprint() of its folder: it changes when one of its files does.
  const std::string& model_fingerprint() const;
  // The same with its LoRAs: of the weights that make clips.
  const std::string& fingerprint() const;
  // A text that holds everything that decides a dense clip, except for its prompt and seed.
  std::string dense_key() const;

  // Throws Error(kUsage) for a prompt that the model cannot read.
  EncodedPrompt encode(const std::string& prompt) const;
  // One forward on noise at `t`, its result thrown away.
  void warm_up(const EncodedPrompt& prompt, engine::SelfAttention& attention, double t) const;
  // The sampler's loop from the seed's noise. Throws Error(kModel) naming the step from which the
  // latents are not finite, and the tensor that makes them so where there is one.
  Denoised denoise(const EncodedPrompt& prompt, std::uint64_t seed,
                   engine::SelfAttention& attention, const std::string& stage,
                   const LoopOptions& loop = {}) const;
  // [frames, height, width, 3] uint8. Throws Error(kModel) naming the frames that are not finite.
  at::Tensor decode(const at::Tensor& latents, const std::string& stage,
                    double* seconds = nullptr) const;

  // Dense attention by the kernels, faster than ATen's on the CPU; its bits differ from those.
  std::unique_ptr<engine::SelfAttention> dense_by_kernel(const EncodedPrompt& prompt) const;
  // The faster one of that and ATen's on a GPU of which that is known, else ATen's.
  std::unique_ptr<engine::SelfAttention> best_dense(const EncodedPrompt& prompt) const;

  // For calls of this model. What keeps its heads from being measured where it runs is told once.
  std::unique_ptr<CallMeasurer> measurer(const MeasuringTask& task) const;

  const JobControl& control() const { return control_; }

 private:
  // Of the device, for sentences; empty: none is kept to.
  std::optional<std::int64_t> limit() const;
  // Calls with tiles that fit where memory is short, and again with smaller ones where it was
  // shorter than thought. Throws Error(kSystem) as with_memory() where the smallest do not fit.
  void in_tiles(engine::VaeWork work, const engine::LatentGrid& cells, const std::string& stage,
                const std::function<void(const engine::VaeTiles&)>& call) const;
  void keep_prompts();
  void fill_in();
  void encode_pictures();
  // The step to go on with, x and the sampler being as they were before it; 0: from the noise.
  std::int64_t go_on(const KeptSteps& kept, at::Tensor& x, engine::Sampler& sampler,
                     const std::string& stage, std::int64_t count) const;
  void note_once(const std::string& sentence) const;
  [[noreturn]] void fail_not_finite(const std::string& sentence) const;

  const JobControl& control_;
  report::ClipSettings clip_;
  engine::VideoModel model_;
  engine::ImageConditions images_;  // of the clip's pictures
  std::string image_name_, end_image_name_;
  std::unique_ptr<const engine::Schedule> schedule_;
  TokenLayout layout_;
  std::vector<double> step_t_;
  std::vector<double> forward_t_;
  // Read when first asked for.
  mutable std::string model_fingerprint_;
  mutable std::string fingerprint_;
  mutable std::set<std::string> noted_;
  // Of the device, for the VAE; empty: no limit is known.
  mutable std::optional<std::int64_t> vae_room_;
};

// What reports of measurements say of the session.
report::MeasuredWith measured_with(const Session& session, const report::ReportFacts& facts);
report::AttentionUse attention_use(const engine::AttentionCounts& counts);
std::string torch_version();

}  // namespace twill::jobs
