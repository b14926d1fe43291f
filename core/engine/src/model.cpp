// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/model.h"

#include <algorithm>
#include <iterator>

#include "diffusers_pipeline.h"
#include "image/first_frame.h"
#include "image/image_channels.h"
#include "models/architectures.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;

const Architecture& architecture_of(const ModelFamily& family) {
  for (const Architecture& architecture : architectures()) {
    if (architecture.name == family.architecture) {
      return architecture;
    }
  }
  TWILL_ASSERT(false);
  return architectures().front();
}

void check_experts(const std::vector<LoraChoice>& loras, const ModelFamily& family) {
  for (const LoraChoice& lora : loras) {
    const bool known = lora.expert.empty() ||
                       (family.experts.size() > 1 &&
                        std::ranges::find(family.experts, lora.expert) != family.experts.end());
    require(known, ErrorCode::kUsage, "LoRA ", lora.file.string(), ": is for the expert ",
            lora.expert, ", but a model of ", family.name,
            family.experts.size() > 1 ? " has another two" : " has one network");
  }
}

std::vector<LoraChoice> loras_for(const std::string& expert, const std::vector<LoraChoice>& loras) {
  std::vector<LoraChoice> own;
  std::ranges::copy_if(loras, std::back_inserter(own), [&](const LoraChoice& lora) {
    return lora.expert.empty() || lora.expert == expert;
  });
  return own;
}

fs::path folder_of(const ModelFiles& model) {
  std::error_code code;
  return fs::is_regular_file(model.path, code) ? model.path.parent_path() : model.path;
}

// Not a folder, nor the file that tells a folder to be a model.
bool is_checkpoint(const ModelFiles& model) {
  std::error_code code;
  const fs::path name = model.path.filename();
  return fs::is_regular_file(model.path, code) && name != "model.json" && name != kPipelineFile;
}

}  // namespace

ModelShape VideoModel::shape() const {
  return {.family = family->name,
          .experts = family->experts,
          .stacks = facts().stacks,
          .head_dim = facts().head_dim};
}

bool VideoModel::takes_start() const {
  return family->image &&
         (!image || facts().image_positions == 0 || facts().image_positions == image->tokens());
}

bool VideoModel::takes_start_and_end() const {
  return family->takes_end() && (!image || facts().image_positions == 2 * image->tokens());
}

ImageConditions VideoModel::encode_pictures(const Pictures& pictures, const ClipSize& size,
                                            const VaeOptions& options) const {
  grid(size);
  const bool has_end = pictures.end.defined();
  const auto require_of_model = [&](bool holds, const char* sentence) {
    require(holds, ErrorCode::kUsage, files.path.string(), ": a model of ", family->name, sentence);
  };
  require_of_model(family->image.has_value(), " makes a clip from text alone and takes no picture");
  require_of_model(pictures.start.defined(), " makes a clip from a picture, and none was given");
  require_of_model(has_end || takes_start(),
                   " (first and last frame) makes a clip from a start and an end picture, and no "
                   "end picture was "
                   "given (--end-image)");
  require_of_model(!has_end || family->takes_end(),
                   " makes a clip from a start picture or from text alone and takes no end "
                   "picture, but one was given");
  require_of_model(
      !has_end || takes_start_and_end(),
      " (first frame) makes a clip from a start picture alone, but an end picture was given");
  require(!has_end || size.frames > 1, ErrorCode::kUsage,
          "a clip of one frame has no end picture beside its start picture");
  if (family->image->first_frame) {
    require_of_model(
        size.frames > 1,
        " makes the start picture the clip's first frame, so a clip of one frame would "
        "be that picture: give more frames");
    return {.first_frame = first_frame(*vae, pictures.start, size, options)};
  }
  ImageConditions conditions{.channels = image_channels(*vae, pictures, size, *family, options)};
  if (image) {
    conditions.tokens = image->encode(pictures.start, options.stop);
    if (has_end) {
      conditions.tokens =
          at::cat({conditions.tokens, image->encode(pictures.end, options.stop)}, 1);
    }
  }
  return conditions;
}

Conditioned VideoModel::condition(const Prompt& prompt, const ImageConditions& images) const {
  const at::Tensor rows = text->encode(prompt).to(device);
  Conditioned conditioned;
  for (std::size_t i = 0; i < experts.size(); ++i) {
    release_others(i);
    conditioned.experts.push_back(experts[i]->condition(rows, images));
  }
  return conditioned;
}

void VideoModel::release_others(std::size_t expert) const {
  for (std::size_t i = 0; i < experts.size(); ++i) {
    if (i != expert) {
      experts[i]->release();
    }
  }
}

at::Tensor VideoModel::forward(const at::Tensor& x, const Conditioned& prompt,
                               SelfAttention& attention, StepInfo step) const {
  step.expert = family->expert_at(step.t);
  const auto expert = static_cast<std::size_t>(step.expert);
  release_others(expert);
  return experts.at(expert)->forward(x, *prompt.experts.at(expert), attention, step);
}

std::unique_ptr<TaeDecoder> VideoModel::load_tae() const {
  // A folder of ours may hold any VAE, and says itself how its latents are shown.
  if (!is_checkpoint(files) && model_file(folder_of(files)).filename() != kPipelineFile) {
    return nullptr;
  }
  return architecture_of(*family).load_tae(files, family->channels, dtype, device);
}

void VideoModel::release() const {
  for (const std::unique_ptr<VideoNetwork>& expert : experts) {
    expert->release();
  }
}

TokenLayout VideoModel::layout(const ClipSize& size, const Conditioned& prompt) const {
  grid(size);
  const TokenLayout tokens = experts.front()->layout(size, *prompt.experts.front());
  check_layout(tokens);
  return tokens;
}

TokenLayout VideoModel::grid(const ClipSize& size) const {
  const auto check_side = [](const char* name, std::int32_t value, std::int32_t step) {
    require(value > 0 && value <= kMostSide && value % step == 0, ErrorCode::kUsage, name, " ",
            value, " is not a multiple of ", step, " from ", step, " to ", kMostSide);
  };
  check_side("width", size.width, family->width_step());
  check_side("height", size.height, family->height_step());
  const std::int32_t step = family->frame_step();
  require(size.frames > 0 && size.frames <= kMostFrames && (size.frames - 1) % step == 0,
          ErrorCode::kUsage, "frames ", size.frames, " is not ", step, "n+1 (1, ", step + 1, ", ",
          2 * step + 1, ", ...) up to ", kMostFrames);
  const TokenLayout tokens = family->grid(size);
  check_layout(tokens);
  return tokens;
}

LatentGrid VideoModel::cells(const ClipSize& size) const {
  const std::array<std::int32_t, 3> cells = family->latent_cells(size);
  return {.frames = cells[0], .rows = cells[1], .cols = cells[2]};
}

std::array<std::int64_t, 5> VideoModel::latent_shape(const ClipSize& size) const {
  grid(size);
  const std::array<std::int32_t, 3> cells = family->latent_cells(size);
  return {1, facts().out_channels, cells[0], cells[1], cells[2]};
}

bool is_model_there(const ModelFiles& model) {
  std::error_code code;
  return fs::is_directory(model.path, code) || fs::is_regular_file(model.path, code);
}

ModelDescription describe_model(const ModelFiles& model) {
  if (is_checkpoint(model)) {
    return architectures().front().describe(model);
  }
  ModelDescription description = describe_model_folder(folder_of(model));
  require(model.low_noise.empty(), ErrorCode::kUsage, model.path.string(),
          ": is a model folder, which names its experts itself; ", model.low_noise.string(),
          " is of no use beside it");
  const auto stand_in = [](fs::path& own, const fs::path& named) {
    own = named.empty() ? own : named;
  };
  stand_in(description.vae, model.vae);
  stand_in(description.text, model.text_encoder);
  stand_in(description.tokenizer, model.tokenizer);
  stand_in(description.image_encoder, model.image_encoder);
  return description;
}

VideoModel load_model(const ModelFiles& files, const LoadOptions& options) {
  const ModelDescription description = describe_model(files);
  check_loras(options.loras);
  check_experts(options.loras, *description.family);
  VideoModel model{.files = files,
                   .family = description.family,
                   .defaults = description.defaults,
                   .sizes = description.sizes};
  model.device = options.device.value_or(choose_device());
  model.fp8_products = options.fp8_products;
  if (options.fp8_products) {
    const std::string why_not = why_no_fp8(model.device);
    require(why_not.empty() || model.device.is_meta(), ErrorCode::kUsage, why_not);
    model.dtype = at::kBFloat16;
  } else {
    model.dtype = options.dtype.value_or(choose_dtype(model.device));
  }
  const auto open = [&](const fs::path& file, WeightPart part) {
    Weights weights = Weights::open(file, part);
    weights.set_stop(options.stop);
    if (model.device.is_cuda()) {
      weights.set_pinned();
    }
    if (model.device.is_meta()) {
      weights.set_headers_only();
    }
    return weights;
  };
  const auto loras_of = [&](std::size_t expert) {
    return loras_for(model.family->experts.at(expert), options.loras);
  };
  const auto prepare = [&](std::vector<Lora>& loras) {
    for (Lora& lora : loras) {
      lora.set_stop(options.stop);
      if (options.note && !lora.note().empty()) {
        options.note(lora.note());
      }
    }
  };
  const ClipSize size = options.size ? options.size(model.defaults) : model.defaults.size;
  const auto limits = [&](const NetworkMemory& network) -> std::optional<LayerLimits> {
    if (!options.memory) {
      return std::nullopt;
    }
    const auto experts = static_cast<std::int64_t>(model.family->experts.size());
    model.memory = plan_memory(network, experts, *options.memory, options.host_memory);
    if (options.note && model.memory->limits) {
      options.note(model.memory->note());
    }
    return model.memory->limits;
  };
  Parts parts = architecture_of(*model.family)
                    .load({.folder = folder_of(files),
                           .description = description,
                           .open = open,
                           .dtype = model.dtype,
                           .device = model.device,
                           .fp8_products = model.fp8_products,
                           .loras_of = loras_of,
                           .prepare = prepare,
                           .tokens = options.memory ? model.grid(size).tokens() : 0,
                           .cells = options.memory ? model.cells(size) : LatentGrid(),
                           .limits = limits});
  model.experts = std::move(parts.experts);
  model.vae = std::move(parts.vae);
  model.text = std::move(parts.text);
  model.image = std::move(parts.image);
  model.latent_colours = std::move(parts.latent_colours);
  return model;
}

std::unique_ptr<TextEncoder> load_text_encoder(const ModelFiles& model) {
  const ModelDescription description = describe_model(model);
  return architecture_of(*description.family).load_text(description);
}

std::string network_in(const fs::path& file) {
  for (const Architecture& architecture : architectures()) {
    try {
      return architecture.recognise(Weights::open_unscaled(file));
    } catch (const Error&) {
      // Of another architecture, or of none.
    }
  }
  return {};
}

VideoModel inspect_model(const ModelFiles& model, const std::vector<LoraChoice>& loras) {
  return load_model(model,
                    {.device = c10::Device(c10::kMeta), .dtype = c10::kFloat, .loras = loras});
}

}  // namespace twill::engine
