// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/wan_vae.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <span>
#include <utility>

#include "latent_statistics.h"
#include "twill/engine/finite.h"
#include "twill/plan/error.h"
#include "vae_layers.h"
#include "vae_shortcuts.h"
#include "vector_math.h"

namespace twill::engine {
namespace {

constexpr std::int64_t kTemporalStride = 4;
// glibc hands larger blocks back to the system each time, and faulting their pages in again cost a
// third of a decode.
constexpr std::int64_t kMostBufferBytes = 32 << 20;
// Small frames fill a GPU only several at a time.
constexpr std::int64_t kMostBufferBytesOnGpu = 512 << 20;

at::Tensor constant_row(std::span<const double> values, at::Device device) {
  return at::tensor(at::ArrayRef<double>(values.data(), values.size()), at::kDouble)
      .to(device, at::kFloat);
}

// [channels, frames, h, w] <-> [frames, h, w, channels].
at::Tensor channels_last(const at::Tensor& x) { return x.permute({1, 2, 3, 0}).contiguous(); }
at::Tensor channels_first(const at::Tensor& x) { return x.permute({3, 0, 1, 2}); }

struct UpLevel {
  std::vector<ResidualBlock> blocks;
  std::optional<Upsample> up;
  bool shortcut = false;

  at::Tensor operator()(at::Tensor x, bool at_start, ClipState& state) const {
    const at::Tensor around = shortcut ? x : at::Tensor();  // else freed by the first block
    for (const ResidualBlock& block : blocks) {
      x = block(x, state);
    }
    if (up) {
      x = (*up)(x, at_start, state);
    }
    if (shortcut) {
      add_repeats(x, around, up->time ? 2 : 1, at_start);
    }
    return x;
  }
};

struct DownLevel {
  std::vector<ResidualBlock> blocks;
  std::optional<Downsample> down;
  bool shortcut = false;

  at::Tensor operator()(at::Tensor x, bool at_start, ClipState& state) const {
    const at::Tensor around = shortcut ? x : at::Tensor();  // else freed by the first block
    for (const ResidualBlock& block : blocks) {
      x = block(x, state);
    }
    if (down) {
      x = (*down)(x, at_start, state);
    }
    if (shortcut && down) {
      add_means(x, around, down->time ? 2 : 1, at_start);
    } else if (shortcut) {
      x.add_(around);
    }
    return x;
  }
};

struct Decoder {
  PointConv from_latent;
  CausalConv first;
  Middle middle;
  std::vector<UpLevel> levels;
  std::optional<NormConv> head;

  Decoder(const VaeLoader& loader, bool residual)
      : from_latent(loader, "conv2"),
        first(loader, "decoder.conv1"),
        middle(loader, "decoder.middle") {
    VaeLayerNames names("decoder.", "upsamples.", residual);
    for (int level = 0; level < kVaeLevels; ++level, names.end_level()) {
      const bool last = level + 1 == kVaeLevels;
      UpLevel& made = levels.emplace_back(UpLevel{.shortcut = residual && !last});
      for (int i = 0; i < kDecoderBlocks; ++i) {
        made.blocks.emplace_back(loader, names.next());
      }
      if (!last) {
        made.up.emplace(loader, names.next());
      }
    }
    head.emplace(loader, "decoder.head.0", "decoder.head.2");
  }

  at::Tensor operator()(const at::Tensor& latents, bool at_start, ClipState& state) const {
    at::Tensor x = middle(first(from_latent(latents), state), state);
    for (const UpLevel& level : levels) {
      x = level(std::move(x), at_start, state);
    }
    return (*head)(x, state);
  }
};

struct Encoder {
  CausalConv first;
  std::vector<DownLevel> levels;
  Middle middle;
  NormConv head;
  PointConv to_latent;

  Encoder(const VaeLoader& loader, bool residual)
      : first(loader, "encoder.conv1"),
        middle(loader, "encoder.middle"),
        head(loader, "encoder.head.0", "encoder.head.2"),
        to_latent(loader, "conv1") {
    VaeLayerNames names("encoder.", "downsamples.", residual);
    for (int level = 0; level < kVaeLevels; ++level, names.end_level()) {
      DownLevel& made = levels.emplace_back(DownLevel{.shortcut = residual});
      for (int i = 0; i < kEncoderBlocks; ++i) {
        made.blocks.emplace_back(loader, names.next());
      }
      if (level + 1 < kVaeLevels) {
        made.down.emplace(loader, names.next());
      }
    }
  }

  // The posterior's mean; its variance has no use here.
  at::Tensor operator()(const at::Tensor& video, bool at_start, ClipState& state) const {
    at::Tensor x = first(video, state);
    for (const DownLevel& level : levels) {
      x = level(std::move(x), at_start, state);
    }
    const at::Tensor both = to_latent(head(middle(x, state), state));
    return both.narrow(3, 0, both.size(3) / 2);
  }
};

struct Networks {
  Encoder encoder;
  Decoder decoder;
  Networks(const VaeLoader& loader, bool residual)
      : encoder(loader, residual), decoder(loader, residual) {}
};

Networks read_networks(const Weights& weights, const WanVaeConfig& config, at::ScalarType dtype,
                       at::Device device) {
  const WeightTable table = wan_vae_weights(config, dtype);
  TableReader reader(weights, table, device);
  Networks networks(VaeLoader{reader, dtype}, config.residual);
  reader.finish(concat("a ", config.name()));
  return networks;
}

// Calls `work(first, count)` for chunks of latent frames.
template <typename Work>
void in_chunks(std::int64_t frames, std::int64_t chunk, const VaeOptions& options,
               std::int64_t done, std::int64_t total, const Work& work) {
  for (std::int64_t first = 0; first < frames; first += chunk) {
    if (options.stop.stop_requested()) {
      throw Cancelled();
    }
    const std::int64_t count = std::min(chunk, frames - first);
    work(first, count);
    if (options.progress) {
      options.progress(done + first + count, total);
    }
  }
}

}  // namespace

struct WanVae::Impl {
  WanVaeConfig config;
  at::ScalarType dtype;
  at::Device device;
  Networks networks;
  at::Tensor mean, deviation;  // [channels] fp32

  Impl(const Weights& weights, at::ScalarType type, at::Device where)
      : config(detect_wan_vae_config(weights)),
        dtype(type),
        device(where),
        networks(read_networks(weights, config, type, where)),
        mean(constant_row(wan_latent_mean(config.residual), where)),
        deviation(constant_row(wan_latent_deviation(config.residual), where)) {}

  // Latent frames whose taps at full size, of so many channels, fit kMostBufferBytes.
  std::int64_t chunk_for(std::int64_t pixels, std::int64_t channels, std::int64_t asked) const {
    const std::int64_t bytes = kTemporalStride * pixels / (config.patch() * config.patch()) * 3 *
                               channels * static_cast<std::int64_t>(c10::elementSize(dtype));
    const std::int64_t most = device.is_cpu() ? kMostBufferBytes : kMostBufferBytesOnGpu;
    return asked > 0 ? asked : std::max<std::int64_t>(1, most / bytes);
  }
};

WanVae::WanVae(const Weights& weights, at::ScalarType dtype, at::Device device) {
  const c10::InferenceMode guard;
  settle_vector_math();
  impl_ = std::make_unique<Impl>(weights, dtype, device);
}
WanVae::~WanVae() = default;
WanVae::WanVae(WanVae&&) noexcept = default;
WanVae& WanVae::operator=(WanVae&&) noexcept = default;

const WanVaeConfig& WanVae::config() const { return impl_->config; }
at::ScalarType WanVae::dtype() const { return impl_->dtype; }
at::Device WanVae::device() const { return impl_->device; }

at::Tensor WanVae::decode(const at::Tensor& latents, const VaeOptions& options) const {
  const c10::InferenceMode guard;
  const Impl& impl = *impl_;
  const WanVaeConfig& config = impl.config;
  require(latents.dim() == 5 && latents.size(1) == config.channels() && latents.numel() > 0,
          ErrorCode::kUsage, "latents of shape ", latents.sizes(), " are not [batch, ",
          config.channels(), ", frames, height, width]");
  const std::int64_t batch = latents.size(0);
  const std::int64_t frames = latents.size(2);
  const std::int64_t height = latents.size(3) * config.spatial_stride();
  const std::int64_t width = latents.size(4) * config.spatial_stride();
  // Wan 2.1 halves the channels before its last level, Wan 2.2 in it.
  const std::int64_t widest = config.residual ? 2 * config.decoder_width : config.decoder_width;
  const std::int64_t chunk = impl.chunk_for(height * width, widest, options.chunk);
  at::Tensor video = at::empty({batch, 3, kTemporalStride * (frames - 1) + 1, height, width},
                               at::TensorOptions().dtype(at::kFloat).device(impl.device));
  for (std::int64_t b = 0; b < batch; ++b) {
    const at::Tensor scaled =
        channels_last(latents[b].to(impl.device, at::kFloat)) * impl.deviation + impl.mean;
    const at::Tensor clip = scaled.to(impl.dtype);
    ClipState state;
    in_chunks(frames, chunk, options, b * frames, batch * frames,
              [&](std::int64_t first, std::int64_t count) {
                state.rewind();
                const at::Tensor piece =
                    impl.networks.decoder(clip.narrow(0, first, count), first == 0, state);
                const std::int64_t at = first == 0 ? 0 : kTemporalStride * (first - 1) + 1;
                // Before the clamp, which would make white of an infinity.
                require(all_finite(piece), ErrorCode::kModel, "of the VAE's frames ", at + 1,
                        " to ", at + piece.size(0), " not all values are finite");
                at::Tensor place = video[b].narrow(1, at, piece.size(0));
                place.copy_(from_patches(piece, config.patch())).clamp_(-1, 1);
              });
  }
  return video;
}

at::Tensor WanVae::encode(const at::Tensor& video, const VaeOptions& options) const {
  const c10::InferenceMode guard;
  const Impl& impl = *impl_;
  const std::int64_t stride = impl.config.spatial_stride();
  require(video.dim() == 5 && video.size(1) == 3 && video.numel() > 0, ErrorCode::kUsage,
          "a video of shape ", video.sizes(), " is not [batch, 3, frames, height, width]");
  require(video.size(2) % kTemporalStride == 1, ErrorCode::kUsage, "a video of ", video.size(2),
          " frames: they must be 4n+1");
  require(video.size(3) % stride == 0 && video.size(4) % stride == 0, ErrorCode::kUsage,
          "a video of ", video.size(4), "x", video.size(3),
          ": width and height must be multiples of ", stride);
  const std::int64_t batch = video.size(0);
  const std::int64_t frames = (video.size(2) - 1) / kTemporalStride + 1;
  const std::int64_t chunk =
      impl.chunk_for(video.size(3) * video.size(4), impl.config.encoder_width, options.chunk);
  at::Tensor latents = at::empty(
      {batch, impl.config.channels(), frames, video.size(3) / stride, video.size(4) / stride},
      at::TensorOptions().dtype(at::kFloat).device(impl.device));
  for (std::int64_t b = 0; b < batch; ++b) {
    ClipState state;
    in_chunks(frames, chunk, options, b * frames, batch * frames,
              [&](std::int64_t first, std::int64_t count) {
                state.rewind();
                const std::int64_t at = first == 0 ? 0 : kTemporalStride * (first - 1) + 1;
                const std::int64_t taken =
                    kTemporalStride * count - (first == 0 ? kTemporalStride - 1 : 0);
                const at::Tensor clip = to_patches(
                    video[b].narrow(1, at, taken).to(impl.device, impl.dtype), impl.config.patch());
                const at::Tensor mean =
                    impl.networks.encoder(clip, first == 0, state).to(at::kFloat);
                at::Tensor place = latents[b].narrow(1, first, count);
                place.copy_(channels_first((mean - impl.mean) / impl.deviation));
              });
  }
  return latents;
}

}  // namespace twill::engine
