// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/wan_vae.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>

#include "latent_statistics.h"
#include "twill/engine/finite.h"
#include "twill/plan/error.h"
#include "vae_layers.h"
#include "vector_math.h"

namespace twill::engine {
namespace {

constexpr std::int64_t kLatentChannels = kWanVaeChannels;
constexpr int kLevels = 4;
constexpr std::int64_t kSpatialStride = 8;
constexpr std::int64_t kTemporalStride = 4;
// glibc hands larger blocks back to the system each time, and faulting their pages in again cost a
// third of a decode.
constexpr std::int64_t kMostBufferBytes = 32 << 20;

at::Tensor constant_row(const std::array<double, kLatentChannels>& values, at::Device device) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble).to(device, at::kFloat);
}

// [channels, frames, h, w] <-> [frames, h, w, channels].
at::Tensor channels_last(const at::Tensor& x) { return x.permute({1, 2, 3, 0}).contiguous(); }
at::Tensor channels_first(const at::Tensor& x) { return x.permute({3, 0, 1, 2}); }

struct Decoder {
  PointConv from_latent;
  CausalConv first;
  Middle middle;
  std::vector<ResidualBlock> blocks;  // three a level
  std::vector<Upsample> ups;          // after all levels but the last
  std::optional<NormConv> head;

  explicit Decoder(const VaeLoader& loader)
      : from_latent(loader, "conv2"),
        first(loader, "decoder.conv1"),
        middle(loader, "decoder.middle") {
    int index = 0;
    const auto name = [&] { return concat("decoder.upsamples.", index++); };
    for (int level = 0; level < kLevels; ++level) {
      for (int i = 0; i < 3; ++i) {
        blocks.emplace_back(loader, name());
      }
      if (level + 1 < kLevels) {
        ups.emplace_back(loader, name());
      }
    }
    head.emplace(loader, "decoder.head.0", "decoder.head.2");
  }

  at::Tensor operator()(const at::Tensor& latents, bool at_start, ClipState& state) const {
    at::Tensor x = middle(first(from_latent(latents), state), state);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      x = blocks[i](x, state);
      if (i % 3 == 2 && i / 3 < ups.size()) {
        x = ups[i / 3](x, at_start, state);
      }
    }
    return (*head)(x, state);
  }
};

struct Encoder {
  CausalConv first;
  std::vector<ResidualBlock> blocks;  // two a level
  std::vector<Downsample> downs;      // after all levels but the last
  Middle middle;
  NormConv head;
  PointConv to_latent;

  explicit Encoder(const VaeLoader& loader)
      : first(loader, "encoder.conv1"),
        middle(loader, "encoder.middle"),
        head(loader, "encoder.head.0", "encoder.head.2"),
        to_latent(loader, "conv1") {
    int index = 0;
    const auto name = [&] { return concat("encoder.downsamples.", index++); };
    for (int level = 0; level < kLevels; ++level) {
      for (int i = 0; i < 2; ++i) {
        blocks.emplace_back(loader, name());
      }
      if (level + 1 < kLevels) {
        downs.emplace_back(loader, name());
      }
    }
  }

  // The posterior's mean; its variance has no use here.
  at::Tensor operator()(const at::Tensor& video, bool at_start, ClipState& state) const {
    at::Tensor x = first(video, state);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      x = blocks[i](x, state);
      if (i % 2 == 1 && i / 2 < downs.size()) {
        x = downs[i / 2](x, at_start, state);
      }
    }
    return to_latent(head(middle(x, state), state)).narrow(3, 0, kLatentChannels);
  }
};

struct Networks {
  Encoder encoder;
  Decoder decoder;
  explicit Networks(const VaeLoader& loader) : encoder(loader), decoder(loader) {}
};

Networks read_networks(const Weights& weights, std::int64_t width, at::ScalarType dtype,
                       at::Device device) {
  const WeightTable table = wan_vae_weights(width, dtype);
  TableReader reader(weights, table, device);
  Networks networks(VaeLoader{reader, dtype});
  reader.finish("a Wan 2.1 VAE");
  return networks;
}

void check_is_vae(const Weights& weights) {
  for (const char* name : {"decoder.head.0.gamma", "encoder.conv1.weight", "conv2.weight"}) {
    require(weights.contains(name), ErrorCode::kFile, weights.source(), ": no Wan 2.1 VAE: tensor ",
            name, " is missing");
  }
}

std::int64_t detect_width(const Weights& weights) {
  check_is_vae(weights);
  const std::vector<std::int64_t>& shape = weights.shape("decoder.head.0.gamma");
  require(!shape.empty() && shape[0] > 0 && shape[0] % 2 == 0, ErrorCode::kFile, weights.source(),
          ": tensor decoder.head.0.gamma has shape ", at::IntArrayRef(shape),
          ", not [an even width, 1, 1, 1]");
  return shape[0];
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

std::int64_t detect_latent_channels(const Weights& weights) {
  check_is_vae(weights);
  const std::vector<std::int64_t>& shape = weights.shape("conv2.weight");
  require(shape.size() == 5 && shape[1] > 0, ErrorCode::kFile, weights.place_of("conv2.weight"),
          " has shape ", at::IntArrayRef(shape), ", not [channels, channels, 1, 1, 1]");
  return shape[1];
}

struct WanVae::Impl {
  std::int64_t width;
  at::ScalarType dtype;
  at::Device device;
  Networks networks;
  at::Tensor mean, deviation;  // [16] fp32

  Impl(const Weights& weights, at::ScalarType type, at::Device where)
      : width(detect_width(weights)),
        dtype(type),
        device(where),
        networks(read_networks(weights, width, type, where)),
        mean(constant_row(kWanLatentMean, where)),
        deviation(constant_row(kWanLatentDeviation, where)) {}

  // Latent frames whose taps at full size fit kMostBufferBytes.
  std::int64_t chunk_for(std::int64_t pixels, std::int64_t asked) const {
    const std::int64_t bytes =
        kTemporalStride * pixels * 3 * width * static_cast<std::int64_t>(c10::elementSize(dtype));
    return asked > 0 ? asked : std::max<std::int64_t>(1, kMostBufferBytes / bytes);
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

std::int64_t WanVae::width() const { return impl_->width; }
at::ScalarType WanVae::dtype() const { return impl_->dtype; }
at::Device WanVae::device() const { return impl_->device; }

at::Tensor WanVae::decode(const at::Tensor& latents, const VaeOptions& options) const {
  const c10::InferenceMode guard;
  require(latents.dim() == 5 && latents.size(1) == kLatentChannels && latents.numel() > 0,
          ErrorCode::kUsage, "latents of shape ", latents.sizes(), " are not [batch, ",
          kLatentChannels, ", frames, height, width]");
  const Impl& impl = *impl_;
  const std::int64_t batch = latents.size(0);
  const std::int64_t frames = latents.size(2);
  const std::int64_t height = latents.size(3) * kSpatialStride;
  const std::int64_t width = latents.size(4) * kSpatialStride;
  const std::int64_t chunk = impl.chunk_for(height * width, options.chunk);
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
                place.copy_(channels_first(piece)).clamp_(-1, 1);
              });
  }
  return video;
}

at::Tensor WanVae::encode(const at::Tensor& video, const VaeOptions& options) const {
  const c10::InferenceMode guard;
  require(video.dim() == 5 && video.size(1) == 3 && video.numel() > 0, ErrorCode::kUsage,
          "a video of shape ", video.sizes(), " is not [batch, 3, frames, height, width]");
  require(video.size(2) % kTemporalStride == 1, ErrorCode::kUsage, "a video of ", video.size(2),
          " frames: they must be 4n+1");
  require(video.size(3) % kSpatialStride == 0 && video.size(4) % kSpatialStride == 0,
          ErrorCode::kUsage, "a video of ", video.size(4), "x", video.size(3),
          ": width and height must be multiples of ", kSpatialStride);
  const Impl& impl = *impl_;
  const std::int64_t batch = video.size(0);
  const std::int64_t frames = (video.size(2) - 1) / kTemporalStride + 1;
  const std::int64_t chunk = impl.chunk_for(video.size(3) * video.size(4), options.chunk);
  at::Tensor latents = at::empty({batch, kLatentChannels, frames, video.size(3) / kSpatialStride,
                                  video.size(4) / kSpatialStride},
                                 at::TensorOptions().dtype(at::kFloat).device(impl.device));
  for (std::int64_t b = 0; b < batch; ++b) {
    ClipState state;
    in_chunks(frames, chunk, options, b * frames, batch * frames,
              [&](std::int64_t first, std::int64_t count) {
                state.rewind();
                const std::int64_t at = first == 0 ? 0 : kTemporalStride * (first - 1) + 1;
                const std::int64_t taken =
                    kTemporalStride * count - (first == 0 ? kTemporalStride - 1 : 0);
                const at::Tensor clip =
                    channels_last(video[b].narrow(1, at, taken).to(impl.device, impl.dtype));
                const at::Tensor mean =
                    impl.networks.encoder(clip, first == 0, state).to(at::kFloat);
                at::Tensor place = latents[b].narrow(1, first, count);
                place.copy_(channels_first((mean - impl.mean) / impl.deviation));
              });
  }
  return latents;
}

}  // namespace twill::engine
