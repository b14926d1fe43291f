// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "session.h"

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>

#include "files.h"
#include "kept_steps.h"
#include "kept_text.h"
#include "memory_limit.h"
#include "meter.h"
#include "timed_attention.h"
#include "twill/engine/device.h"
#include "twill/engine/finite.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/engine/noise.h"
#include "twill/engine/sampler.h"
#include "twill/jobs/file_hash.h"
#include "twill/jobs/free_memory.h"
#include "twill/jobs/model_facts.h"
#include "twill/kernels/cuda_attention.h"
#include "twill/media/picture_io.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/sampler_times.h"
#include "twill/plan/text.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

engine::LoadOptions load_options(const report::ClipSettings& settings, const JobControl& control,
                                 std::function<void(const std::string&)> note) {
  const auto size = [&settings](const engine::ModelDefaults& defaults) {
    return ClipSize{settings.width.value_or(defaults.size.width),
                    settings.height.value_or(defaults.size.height),
                    settings.frames.value_or(defaults.size.frames)};
  };
  return {.dtype = settings.dtype ? engine::dtype_of(*settings.dtype) : std::nullopt,
          .fp8_products = settings.dtype == report::kFp8Products,
          .stop = control.stop,
          .loras = settings.loras,
          .memory = memory_limit(settings.vram_gib, engine::device_memory(engine::choose_device())),
          .host_memory = host_memory_limit(settings.ram_gib, free_memory_bytes()),
          .size = size,
          .note = std::move(note)};
}

// What the model says where the user left it open; a fault of it is the file's.
report::ClipSettings with_defaults_of(const engine::VideoModel& model,
                                      const report::ClipSettings& settings) {
  const engine::ModelDefaults& defaults = model.defaults;
  report::ClipSettings left_open;
  const auto take = [](auto& open, const auto& given, const auto& value) {
    if (!given) {
      open = value;
    }
  };
  take(left_open.width, settings.width, defaults.size.width);
  take(left_open.height, settings.height, defaults.size.height);
  take(left_open.frames, settings.frames, defaults.size.frames);
  take(left_open.fps, settings.fps, defaults.fps);
  take(left_open.steps, settings.steps, defaults.steps);
  take(left_open.shift, settings.shift, defaults.shift);
  take(left_open.cfg, settings.cfg, defaults.cfg);
  take(left_open.sampler, settings.sampler, defaults.sampler);
  try {
    report::check_clip_settings(left_open, *model.family);
  } catch (const Error& error) {
    throw Error(ErrorCode::kFile,
                concat(engine::model_file(model.files.path).string(), ": default: ", error.what()));
  }
  report::ClipSettings filled = settings;
  const auto fill = [](auto& value, const auto& from) { value = value ? value : from; };
  fill(filled.width, left_open.width);
  fill(filled.height, left_open.height);
  fill(filled.frames, left_open.frames);
  fill(filled.fps, left_open.fps);
  fill(filled.steps, left_open.steps);
  fill(filled.shift, left_open.shift);
  fill(filled.cfg, left_open.cfg);
  fill(filled.sampler, left_open.sampler);
  filled.dtype =
      model.fp8_products ? std::string(report::kFp8Products) : engine::dtype_name(model.dtype);
  return filled;
}

// [height, width, 3] uint8, and what records call it; undefined where no file is named.
at::Tensor read_picture(const fs::path& file, std::string& name) {
  if (file.empty()) {
    return {};
  }
  const media::Picture picture = media::read_picture(file);
  at::Tensor pixels = at::empty({picture.height, picture.width, 3}, at::kByte);
  std::ranges::copy(picture.rgb, pixels.mutable_data_ptr<std::uint8_t>());
  name = concat(valid_utf8(file.filename().string()), " ", file_fingerprint(file));
  return pixels;
}

}  // namespace

Session::Session(const report::ClipSettings& settings, const JobControl& control)
    : control_(control), clip_(settings) {
  check_clip(settings);
  if (clip_.threads > 0) {
    at::set_num_threads(clip_.threads);
  }
  require(engine::is_model_there(clip_.model), ErrorCode::kFile, clip_.model.path.string(),
          ": no such model folder or file");
  if (clip_.vram_gib && engine::choose_device().is_cpu()) {
    note_once("--vram has no effect: there is no GPU, and weights stand in host memory");
  }
  if (clip_.ram_gib && engine::choose_device().is_cpu()) {
    note_once("--ram has no effect: there is no GPU, and weights stand in host memory");
  }
  Meter meter(control_, "load " + model_name(clip_.model.path), 1);
  const engine::LoadOptions options =
      load_options(clip_, control_, [this](const std::string& text) { note_once(text); });
  model_ = with_memory("load the model", options.memory,
                       [&] { return engine::load_model(clip_.model, options); });
  keep_prompts();
  fill_in();
  meter.advance();
  encode_pictures();
}

Session::Session(const report::ClipSettings& settings, engine::VideoModel model,
                 const JobControl& control)
    : control_(control), clip_(settings), model_(std::move(model)) {
  report::check_clip_settings(settings, *model_.family);
  report::check_pictures(settings, *model_.family);
  fill_in();
  encode_pictures();
}

void Session::fill_in() {
  vae_room_ = model_.memory ? std::optional(model_.memory->room()) : std::nullopt;
  schedule_ = engine::make_schedule(model_.family->prediction);
  clip_ = with_defaults_of(model_, clip_);
  if (!guided() && !clip_.negative_prompt.empty() && control_.note) {
    control_.note(concat("the negative prompt \"", clip_.negative_prompt,
                         "\" has no effect without guidance (cfg 1)"));
  }
  layout_ = model_.grid(size());
  step_t_ = sampler_t(*clip_.sampler, *clip_.steps, *clip_.shift);
  for (const double t : step_t_) {
    forward_t_.insert(forward_t_.end(), guidance_at(t) != 1.0 ? 2 : 1, t);
  }
}

// A table of words needs no keeping.
void Session::keep_prompts() {
  const fs::path cache = cache_folder();
  if (cache.empty() || model_.text->words() != nullptr) {
    return;
  }
  model_.text = std::make_unique<KeptText>(
      std::move(model_.text), cache / "prompts",
      concat(text_fingerprint(clip_.model, control_.stop), " ", engine::dtype_name(model_.dtype),
             " ", device(), " torch ", torch_version(), " twill ", TWILL_VERSION));
}

void Session::encode_pictures() {
  if (clip_.image.empty()) {
    return;
  }
  const c10::InferenceMode inference;
  const engine::Pictures pictures{.start = read_picture(clip_.image, image_name_),
                                  .end = read_picture(clip_.end_image, end_image_name_)};
  const bool two = pictures.end.defined();
  const std::optional<ImageInput>& input = model_.family->image;
  Meter meter(control_, two ? "encode the pictures" : "encode the picture",
              input && input->first_frame ? 1 : model_.latent_shape(size())[2]);
  engine::VaeOptions options{.progress = [&](std::int64_t done, std::int64_t) { meter.set(done); },
                             .stop = control_.stop};
  engine::LatentGrid cells = model_.cells(size());
  cells.frames = input && input->first_frame ? 1 : cells.frames;
  in_tiles(engine::VaeWork::kEncode, cells, two ? "encode the pictures" : "encode the picture",
           [&](const engine::VaeTiles& tiles) {
             options.tiles = tiles;
             images_ = model_.encode_pictures(pictures, size(), options);
           });
}

void Session::in_tiles(engine::VaeWork work, const engine::LatentGrid& cells,
                       const std::string& stage,
                       const std::function<void(const engine::VaeTiles&)>& call) const {
  const auto bytes = [&](const engine::VaeTiles& tiles) {
    return model_.vae->bytes(work, cells, tiles);
  };
  const auto in_so_many = [&](const engine::VaeTiles& tiles) {
    return concat(work == engine::VaeWork::kDecode ? "the VAE decodes" : "the VAE encodes", " in ",
                  tiles.count(), " tiles (", tiles.rows, " x ", tiles.cols, "), ");
  };
  engine::VaeTiles tiles;
  if (vae_room_) {
    tiles = engine::tiles_within(*vae_room_, cells, bytes);
  }
  if (tiles.count() > 1) {
    note_once(concat(in_so_many(tiles), "for whole frames would take about ",
                     engine::gib_text(bytes({})),
                     " of the device's memory beside what stands "
                     "there, and ",
                     engine::gib_text(std::max<std::int64_t>(*vae_room_, 0)), " are left"));
  }
  while (true) {
    try {
      call(tiles);
      return;
    } catch (const c10::OutOfMemoryError&) {
      const engine::VaeTiles before =
          std::exchange(tiles, engine::tiles_within(*(vae_room_ = bytes(tiles) / 2), cells, bytes));
      if (tiles.count() <= before.count()) {
        fail_out_of_memory(stage, limit());
      }
    }
    note_once(concat(in_so_many(tiles), "for the device had too little memory left for ",
                     "larger parts of a frame"));
  }
}

std::optional<std::int64_t> Session::limit() const {
  return model_.memory ? std::optional(model_.memory->budget) : std::nullopt;
}

std::vector<std::int32_t> Session::experts_at(const std::vector<double>& t) const {
  std::vector<std::int32_t> experts;
  for (const double time : t) {
    experts.push_back(model_.family->expert_at(time));
  }
  return experts;
}

TokenLayout Session::only_layout(const std::vector<EncodedPrompt>& prompts,
                                 const std::string& what) const {
  const auto text_of = [](const TokenLayout& layout) { return layout.prefix + layout.suffix; };
  TokenLayout only = prompts.empty() ? layout_ : prompts.front().layouts.front();
  for (const EncodedPrompt& prompt : prompts) {
    for (const TokenLayout& layout : prompt.layouts) {
      require(layout == only, ErrorCode::kUnsupported, what,
              " needs forwards of one layout, but \"", prompt.text, "\" has one with ",
              text_of(layout), " tokens of text where the first has ", text_of(only));
    }
  }
  return only;
}

std::string Session::device() const { return engine::device_name(model_.device); }

const std::string& Session::model_fingerprint() const {
  if (model_fingerprint_.empty()) {
    model_fingerprint_ = jobs::model_fingerprint(clip_.model, control_.stop);
  }
  return model_fingerprint_;
}

const std::string& Session::fingerprint() const {
  if (fingerprint_.empty()) {
    fingerprint_ = fingerprint_with(model_fingerprint(), clip_.loras, control_.stop);
  }
  return fingerprint_;
}

std::string Session::dense_key() const {
  const std::string pictures =
      image_name_.empty() ? "" : concat(" from ", image_name_, " to ", end_image_name_);
  return concat(fingerprint(), pictures, " ", *clip_.width, "x", *clip_.height, "x", *clip_.frames,
                " ", *clip_.sampler, " steps ", *clip_.steps, " shift ", *clip_.shift, " cfg ",
                *clip_.cfg, " negative \"", clip_.negative_prompt, "\" weights ",
                name_in(kPromptWeightsNames, clip_.prompt_weights), " ", *clip_.dtype, " ",
                device(), " torch ", torch_version());
}

EncodedPrompt Session::encode(const std::string& prompt) const {
  const c10::InferenceMode inference;
  const Clock::time_point begin = Clock::now();
  EncodedPrompt encoded{.text = prompt};
  const auto condition = [&](const std::string& text) {
    const engine::ReadPrompt read = engine::read_prompt(text, clip_.prompt_weights);
    for (const std::string& sentence : read.notes) {
      note_once(sentence);
    }
    note_once(model_.text->note(read.prompt));
    return with_memory("encode the prompt", limit(),
                       [&] { return model_.condition(read.prompt, images_); });
  };
  encoded.positive = condition(prompt);
  encoded.layouts = {model_.layout(size(), encoded.positive)};
  if (guided()) {
    encoded.negative = condition(clip_.negative_prompt);
    const TokenLayout second = model_.layout(size(), *encoded.negative);
    if (second != encoded.layouts.front()) {
      encoded.layouts.push_back(second);
    }
  }
  synchronise(model_.device);
  encoded.seconds = seconds_since(begin);
  return encoded;
}

Denoised Session::denoise(const EncodedPrompt& prompt, std::uint64_t seed,
                          engine::SelfAttention& attention, const std::string& stage,
                          const LoopOptions& loop) const {
  const c10::InferenceMode inference;
  const std::vector<double> times =
      loop.t.empty() ? sampler_t(*clip_.sampler,
                                 static_cast<std::int32_t>(loop.steps > 0 ? loop.steps : steps()),
                                 *clip_.shift)
                     : loop.t;
  const auto sampler =
      engine::make_sampler(loop.t.empty() ? *clip_.sampler : "euler", times, *schedule_);
  const auto all = std::ssize(times);
  const std::int64_t count = loop.stop_after > 0 ? std::min(loop.stop_after, all) : all;
  TimedAttention timed(attention);
  at::Tensor x = engine::make_noise(model_.latent_shape(size()), seed).to(model_.device);
  images_.put_into(x);
  std::int64_t first = 0;
  if (loop.kept != nullptr) {
    first = go_on(*loop.kept, x, *sampler, stage, count);
  }
  Meter meter(control_, stage, count, first);
  double hook_seconds = 0.0;
  const auto call = [&](const auto& hook, const auto&... arguments) {
    if (hook) {
      const Clock::time_point begin = Clock::now();
      hook(arguments...);
      hook_seconds += seconds_since(begin);
    }
  };
  synchronise(model_.device);
  const Clock::time_point begin = Clock::now();
  for (std::int64_t step = first; step < count; ++step) {
    meter.check_stop();
    call(loop.before, step);
    const double t = times[static_cast<std::size_t>(step)];
    const auto forward = [&](const engine::Conditioned& words) {
      return with_memory(stage, limit(), [&] {
        return model_.forward(x, words, timed, {.t = t, .stop = control_.stop});
      });
    };
    at::Tensor prediction = forward(prompt.positive);
    if (const double scale = guidance_at(t); scale != 1.0) {
      const at::Tensor away = forward(*prompt.negative);
      prediction = away + scale * (prediction - away);
    }
    at::Tensor seen;
    if (loop.estimate) {
      seen = schedule_->clip(x, prediction, t);
      images_.put_into(seen);
    }
    x = sampler->step(static_cast<std::size_t>(step), x, prediction);
    images_.put_into(x);
    if (!engine::all_finite(x)) {
      fail_not_finite(concat(stage, ": from step ", step + 1, " of ", all, " on (t = ", t,
                             ") the latents are not finite"));
    }
    call(loop.estimate, step, seen);
    call(loop.after, step);
    if (loop.kept != nullptr) {
      loop.kept->done(step + 1, x, *sampler);
    }
    meter.advance();
  }
  synchronise(model_.device);
  return {.latents = x,
          .seconds = seconds_since(begin) - hook_seconds,
          .attention_seconds = timed.seconds()};
}

std::int64_t Session::go_on(const KeptSteps& kept, at::Tensor& x, engine::Sampler& sampler,
                            const std::string& stage, std::int64_t count) const {
  std::optional<KeptSteps::Found> found = kept.find();
  if (!found || found->next > count || found->x.sizes() != x.sizes()) {
    return 0;
  }
  x = found->x.to(x.device());
  for (at::Tensor& state : found->state) {
    state = state.defined() ? state.to(x.device()) : state;
  }
  sampler.resume(static_cast<std::size_t>(found->next), std::move(found->state));
  note_once(concat(stage, ": goes on after step ", found->next, " of ", count,
                   ", where it was interrupted; its times are of the rest"));
  return found->next;
}

void Session::warm_up(const EncodedPrompt& prompt, engine::SelfAttention& attention,
                      double t) const {
  const c10::InferenceMode inference;
  const at::Tensor x =
      at::zeros(model_.latent_shape(size()), at::TensorOptions(model_.device).dtype(at::kFloat));
  model_.forward(x, prompt.positive, attention, {.t = t, .stop = control_.stop});
  synchronise(model_.device);
}

at::Tensor Session::decode(const at::Tensor& latents, const std::string& stage,
                           double* seconds) const {
  const c10::InferenceMode inference;
  const Clock::time_point begin = Clock::now();
  Meter meter(control_, stage, latents.size(2));
  engine::VaeOptions options{.progress = [&](std::int64_t done, std::int64_t) { meter.set(done); },
                             .stop = control_.stop,
                             .pixels = at::kByte};
  at::Tensor video;
  try {
    model_.release();
    const engine::LatentGrid cells{latents.size(2), latents.size(3), latents.size(4)};
    in_tiles(engine::VaeWork::kDecode, cells, stage, [&](const engine::VaeTiles& tiles) {
      options.tiles = tiles;
      video = model_.vae->decode(latents.to(model_.device), options);
    });
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kModel) {
      throw;
    }
    fail_not_finite(concat(stage, ": ", error.what()));
  }
  const at::Tensor frames = video[0].permute({1, 2, 3, 0}).contiguous().to(at::kCPU);
  if (seconds != nullptr) {
    *seconds = seconds_since(begin);
  }
  return frames;
}

void Session::fail_not_finite(const std::string& sentence) const {
  throw Error(ErrorCode::kModel,
              sentence + engine::why_not_finite(clip_.model, model_.dtype, control_.stop));
}

std::unique_ptr<engine::SelfAttention> Session::dense_by_kernel(const EncodedPrompt& prompt) const {
  auto plan = std::make_shared<Plan>();
  plan->name = "dense";
  plan->model = model_.shape();
  plan->patterns = {dense()};
  plan->segments = {{.t_begin = 0.0, .t_end = 1.0, .dense = true}};
  return std::make_unique<engine::PlanAttention>(std::move(plan), prompt.layouts, clip_.threads);
}

std::unique_ptr<engine::SelfAttention> Session::best_dense(const EncodedPrompt& prompt) const {
  if (model_.device.is_cuda()) {
    const c10::DeviceGuard guard(model_.device);
    const std::int32_t head_dim = model_.facts().head_dim;
    const std::optional<kernels::Dtype> dtype = engine::kernel_dtype(model_.dtype);
    const std::string kernel =
        dtype ? kernels::cuda_kernel_of({.head_dim = head_dim,
                                         .dtype = *dtype,
                                         .scale = 1.0F / std::sqrt(static_cast<float>(head_dim))})
              : std::string();
    // Measured on an H200 alone: 1.1 times as fast as cuDNN's (kernels/README.md).
    if (kernel.starts_with("hopper")) {
      return dense_by_kernel(prompt);
    }
  }
  return std::make_unique<engine::DenseAttention>();
}

std::unique_ptr<CallMeasurer> Session::measurer(const MeasuringTask& task) const {
  return measurer_on(model_.device, task, [this](const std::string& text) { note_once(text); });
}

void Session::note_once(const std::string& sentence) const {
  if (!sentence.empty() && noted_.insert(sentence).second && control_.note) {
    control_.note(sentence);
  }
}

report::MeasuredWith measured_with(const Session& session, const report::ReportFacts& facts) {
  return {.model = concat(model_name(session.model().files.path), " ", session.fingerprint()),
          .device = session.device(),
          .dtype = session.dtype(),
          .twill_version = TWILL_VERSION,
          .torch_version = torch_version(),
          .clip = session.clip(),
          .facts = facts};
}

report::AttentionUse attention_use(const engine::AttentionCounts& counts) {
  return {.sparse_calls = counts.sparse,
          .planned_dense_calls = counts.planned_dense,
          .fallbacks = counts.fallback,
          .heads_with_keys = counts.heads_with_keys,
          .int8_heads = counts.int8_heads,
          .not_int8 = counts.not_int8};
}

std::string torch_version() { return TORCH_VERSION; }

}  // namespace twill::jobs
