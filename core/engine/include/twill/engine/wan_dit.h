// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Wan 2.1's transformer, text-to-video and image-to-video. Architecture and key names:
// https://github.com/Wan-Video/Wan2.1
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "twill/engine/attention_hook.h"
#include "twill/engine/lora.h"
#include "twill/engine/memory_plan.h"
#include "twill/engine/model_description.h"
#include "twill/engine/network.h"
#include "twill/engine/weight_table.h"
#include "twill/engine/weights.h"

namespace twill::engine {

// Latent cells of a token: frames, rows, columns.
inline constexpr std::array<std::int32_t, 3> kWanPatch{1, 2, 2};

struct WanConfig {
  std::int64_t dim = 0;
  std::int64_t ffn_dim = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t in_channels = 0;
  std::int64_t out_channels = 0;
  std::int64_t text_dim = 0;
  std::int64_t frequencies = 0;  // width of the sinusoidal time embedding
  // Of an image encoder's tokens, to which cross-attention looks too; 0: it does not.
  std::int64_t image_dim = 0;
  // Rows of the tokens' position embedding, which models of a first and a last frame have; 0: none.
  std::int64_t image_positions = 0;

  std::int64_t head_dim() const { return dim / heads; }
};

// From the sizes of the tensors, which have upstream's names; heads as a file beside the weights
// states them, or the header's metadata (config.transformer.num_heads), else dim / 128. Throws
// Error(kFile) when the file is no Wan transformer, a block between others is missing, or the
// metadata says another number than the tensors; Error(kUnsupported) for a VACE model.
WanConfig detect_wan_config(const Weights& weights, const StatedHeads* stated_heads = nullptr);

// The weights of such a transformer; products are in `dtype`.
WeightTable wan_weights(const WanConfig& config, at::ScalarType dtype);

// What it takes of a device: weights as in wan_weights(); for a forward over so many tokens, the
// tensors that stand beside each other where most do, in self-attention or the feed-forward.
// bytes_of: what rows take where that is not what the table says.
NetworkMemory wan_memory(const WanConfig& config, at::ScalarType dtype, std::int64_t tokens,
                         const std::function<std::int64_t(const TensorRow&)>& bytes_of = {});
// The same as the transformer keeps the weights of these files (kept_bytes), or in fp8.
NetworkMemory wan_memory(const WanConfig& config, at::ScalarType dtype, std::int64_t tokens,
                         const Weights& weights, std::span<const Lora> loras, bool fp8_products);

// LoRA files for such a transformer, by the names of upstream, of diffusers and of kohya's
// trainers. Throws as Lora.
std::vector<Lora> wan_loras(const WanConfig& config, std::span<const LoraChoice> choices);

// What the layers keep of a prompt: it is the same at every step.
struct WanPrompt {
  std::vector<at::Tensor> keys;    // per layer [batch, heads, text_len, head_dim]
  std::vector<at::Tensor> values;  // per layer, the same
  // The same of the image's tokens; empty where the model takes none.
  std::vector<at::Tensor> image_keys;
  std::vector<at::Tensor> image_values;
};

// Where a transformer runs and in what.
struct WanPlace {
  at::ScalarType dtype;  // of products; the residual stream and the norms are fp32
  at::Device device = at::kCPU;
  // What the layers' weights may take. Those that do not stay on the device are copied there before
  // their turn, which changes no bit of the result. Empty: all stay there.
  std::optional<LayerLimits> limits;
  // The layers' weights are in fp8 whatever the file has, and so are the inputs of their products;
  // dtype is bf16 then.
  bool fp8_products = false;
};

class WanDit {
 public:
  // Throws Error(kFile, kUnsupported) when a tensor is missing, has other sizes, or is not known.
  // loras: of wan_loras(), for the same config.
  WanDit(const Weights& weights, const WanConfig& config, const WanPlace& place,
         std::span<const Lora> loras = {});
  WanDit(const Weights& weights, const WanConfig& config, at::ScalarType dtype)
      : WanDit(weights, config, WanPlace{.dtype = dtype}) {}
  ~WanDit();
  WanDit(WanDit&&) noexcept;
  WanDit& operator=(WanDit&&) noexcept;

  const WanConfig& config() const;
  at::ScalarType dtype() const;
  at::Device device() const;
  // How many layers' weights stay on the device from call to call.
  std::int64_t resident_layers() const;
  // Where limits are given: gives the memory of the layers on the device back, until a call
  // needs them again.
  void release() const;

  // context: [batch, text_len, text_dim]; image: [batch, tokens, image_dim] of the image encoder,
  // where the model takes it, else undefined.
  WanPrompt prepare_prompt(const at::Tensor& context, const at::Tensor& image = {}) const;

  // Flow velocity [batch, out_channels, frames, height, width] in fp32. x: [batch, in_channels,
  // frames, height, width] latents, height and width even; timestep: [batch], [batch, frames] or
  // [batch, tokens] in 0..1000, best on the CPU, which makes its waves: from a GPU it is waited
  // for. Memory and time of the modulation grow with the number of times: where those of a frame's
  // tokens are equal, give one a frame. A prompt of one row serves every batch row. Sites carry
  // a gate for each time, and none when the batch is over 1: the contract has no other axis there.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& timestep, const WanPrompt& prompt,
                     SelfAttention& attention, const StepInfo& step) const;
  // For single calls: prepares the prompt each time.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& timestep, const at::Tensor& context,
                     SelfAttention& attention, const StepInfo& step) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace twill::engine
