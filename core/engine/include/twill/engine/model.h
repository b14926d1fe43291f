// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A model: the networks of a model folder, or of a checkpoint and the files around it.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "twill/engine/device.h"
#include "twill/engine/image_encoder.h"
#include "twill/engine/memory_plan.h"
#include "twill/engine/model_description.h"
#include "twill/engine/network.h"
#include "twill/engine/tae_decoder.h"
#include "twill/engine/text_encoder.h"
#include "twill/engine/vae.h"
#include "twill/plan/lora_choice.h"
#include "twill/plan/model_files.h"
#include "twill/plan/plan.h"
#include "twill/plan/token_layout.h"

namespace twill::engine {

struct LoadOptions {
  std::optional<c10::Device> device;     // empty: choose_device()
  std::optional<c10::ScalarType> dtype;  // empty: choose_dtype(device)
  // The layers' products in fp8, the others in dtype, which is bf16 then.
  bool fp8_products = false;
  std::stop_token stop;           // looked at before every tensor; then Cancelled is thrown
  std::vector<LoraChoice> loras;  // merged into the experts that they name, in this order
  // Bytes of the device that networks and a step may take; empty: there is no limit. Layers that do
  // not fit stand in host memory, and are copied to the device before their turn.
  std::optional<std::int64_t> memory;
  // Bytes of host memory that these layers may take; empty: there is no limit. Those that do not
  // fit are read from their file before their turn.
  std::optional<std::int64_t> host_memory;
  // The size of the clips, which says what a step takes; empty: the model's default.
  std::function<ClipSize(const ModelDefaults&)> size;
  // Given a sentence about a LoRA of which a part fits nothing, the same one for each expert, and
  // one about layers that do not stay on the device.
  std::function<void(const std::string&)> note;
};

// A prompt, and the clip's pictures with it, as the networks take it.
struct Conditioned {
  std::vector<std::shared_ptr<const Conditioning>> experts;  // of each
};

struct VideoModel {
  ModelFiles files;
  const ModelFamily* family = nullptr;
  ModelDefaults defaults;
  std::vector<ClipSize> sizes;  // that it was trained on; may be empty
  c10::Device device = c10::kCPU;
  c10::ScalarType dtype = c10::kFloat;
  bool fp8_products = false;
  std::vector<std::unique_ptr<VideoNetwork>> experts;
  std::unique_ptr<Vae> vae;
  std::unique_ptr<TextEncoder> text;
  std::unique_ptr<ImageEncoder> image;  // null where the networks take no tokens of pictures
  at::Tensor latent_colours;            // for previews, see latent_preview.h
  std::optional<MemoryPlan> memory;     // where a limit was given

  // For finer previews, looked for and read when asked for, as most jobs show none; null where
  // there is no file of one. Throws Error(kFile) naming it.
  std::unique_ptr<TaeDecoder> load_tae() const;
  // Gives back what layers take of a limited device, until they are needed again: for the VAE.
  void release() const;
  ModelShape shape() const;                                               // that its plans have
  const NetworkFacts& facts() const { return experts.front()->facts(); }  // all experts are alike
  // Whether a clip may begin with one picture, and whether it may begin and end with two.
  bool takes_start() const;
  bool takes_start_and_end() const;
  // A clip's pictures for condition(), made once; the VAE's encoder and the image encoder run.
  // Throws Error(kUsage) naming the model when it takes no such pictures, or for an end picture in
  // a clip of one frame; Cancelled.
  ImageConditions encode_pictures(const Pictures& pictures, const ClipSize& size,
                                  const VaeOptions& options = {}) const;
  // Throws Error(kUsage) for a prompt that the text side cannot read, and when `images` are not of
  // the pictures that the model takes.
  Conditioned condition(const Prompt& prompt, const ImageConditions& images = {}) const;
  // The prediction at step.t, by the expert whose turn it is: step.expert is not read.
  at::Tensor forward(const at::Tensor& x, const Conditioned& prompt, SelfAttention& attention,
                     StepInfo step) const;
  // Tokens of a clip with that prompt's text. Throws Error(kUsage) as grid() does.
  TokenLayout layout(const ClipSize& size, const Conditioned& prompt) const;
  // Tokens of a clip, text not among them. Throws Error(kUsage) unless width, height and frames
  // are of the family's steps: multiples of 16 (of 32 for TI2V 5B) and 4n+1 for Wan.
  TokenLayout grid(const ClipSize& size) const;
  TokenLayout grid(std::int32_t width, std::int32_t height, std::int32_t frames) const {
    return grid(ClipSize{width, height, frames});
  }
  LatentGrid cells(const ClipSize& size) const;  // without checks
  // [1, channels, frames, height, width] of a clip's latents; the same checks.
  std::array<std::int64_t, 5> latent_shape(const ClipSize& size) const;

 private:
  // One expert's layers stand on a limited device at a time.
  void release_others(std::size_t expert) const;
};

// Whether there is a folder or a file of that path.
bool is_model_there(const ModelFiles& model);

// Files named beside a folder stand in for its own. Throws Error(kFile, kUnsupported) naming the
// file, and field, tensor and value where there are; for a checkpoint also what is missing beside
// it, and where it was looked for.
ModelDescription describe_model(const ModelFiles& model);

// Throws Error(kFile, kUnsupported) naming file, field or tensor, and value when model.json or a
// weight file is not what it should be; Error(kModel) naming both files and their numbers when
// parts do not fit each other, or a LoRA fits nothing; Error(kUsage) for a LoRA of an expert that
// the model has not. Parts and LoRAs are compared before any of the networks is read.
// Error(kUsage) where options.memory cannot hold one layer beside a step, or the device has no
// products in fp8.
VideoModel load_model(const ModelFiles& model, const LoadOptions& options = {});

// Its text side alone. Throws as load_model().
std::unique_ptr<TextEncoder> load_text_encoder(const ModelFiles& model);

// What the network in a weight file is, by its header: "a Wan transformer of 30 x 12 heads". Empty
// for a file that cannot be read, or holds none that the engine knows.
std::string network_in(const std::filesystem::path& file);

// As load_model() judges the model, by the headers of its networks alone, in milliseconds. Its
// networks have no values: they tell of themselves and cannot run.
VideoModel inspect_model(const ModelFiles& model, const std::vector<LoraChoice>& loras = {});

}  // namespace twill::engine
