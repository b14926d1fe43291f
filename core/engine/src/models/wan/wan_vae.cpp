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
#include "vae_memory.h"
#include "vae_networks.h"
#include "vae_shortcuts.h"
#include "vae_spans.h"
#include "vector_math.h"

namespace twill::engine {
namespace {

constexpr std::int64_t kTemporalStride = 4;

at::Tensor constant_row(std::span<const double> values, at::Device device) {
  return at::tensor(at::ArrayRef<double>(values.data(), values.size()), at::kDouble)
      .to(device, at::kFloat);
}

// [channels, frames, h, w] <-> [frames, h, w, channels].
at::Tensor channels_last(const at::Tensor& x) { return x.permute({1, 2, 3, 0}).contiguous(); }
at::Tensor channels_first(const at::Tensor& x) { return x.permute({3, 0, 1, 2}); }

struct Networks {
  VaeEncoder encoder;
  VaeDecoder decoder;
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

// Of a whole call, which goes over all frames of the clip `parts` times.
class Progress {
 public:
  Progress(const VaeOptions& options, std::int64_t latent_frames, std::int64_t frames,
           std::int64_t parts)
      : options_(options), latent_frames_(latent_frames), frames_(frames * parts) {}

  void check_stop() const {
    if (options_.stop.stop_requested()) {
      throw Cancelled();
    }
  }
  void add(std::int64_t frames) {
    done_ += frames;
    if (options_.progress) {
      options_.progress(done_ * latent_frames_ / frames_, latent_frames_);
    }
  }

 private:
  const VaeOptions& options_;
  std::int64_t latent_frames_;
  std::int64_t frames_;
  std::int64_t done_ = 0;
};

// Frames of the clip before a latent frame.
std::int64_t frames_before(std::int64_t latent_frame) {
  return latent_frame == 0 ? 0 : kTemporalStride * (latent_frame - 1) + 1;
}

struct Tile {
  VaeSpan rows, cols;

  // With what is around it.
  std::int64_t cells() const { return (rows.to - rows.from) * (cols.to - cols.from); }
};

std::vector<Tile> tiles_of(const VaeTiles& tiles, std::int64_t rows, std::int64_t cols,
                           std::int64_t reach) {
  std::vector<Tile> all;
  for (const VaeSpan& of_rows : vae_spans(rows, tiles.rows, reach)) {
    for (const VaeSpan& of_cols : vae_spans(cols, tiles.cols, reach)) {
      all.push_back({of_rows, of_cols});
    }
  }
  return all;
}

// x: [frames, rows, cols, channels] of cells, or undefined.
at::Tensor with_surroundings(const at::Tensor& x, const Tile& tile) {
  const auto& [rows, cols] = tile;
  return x.defined() ? x.narrow(1, rows.from, rows.to - rows.from)
                           .narrow(2, cols.from, cols.to - cols.from)
                           .contiguous()
                     : x;
}

// Of what was made of with_surroundings(), at `side` pixels of a cell's side.
at::Tensor without_surroundings(const at::Tensor& x, const Tile& tile, std::int64_t side) {
  const auto& [rows, cols] = tile;
  return x.narrow(1, side * (rows.begin - rows.from), side * (rows.end - rows.begin))
      .narrow(2, side * (cols.begin - cols.from), side * (cols.end - cols.begin));
}

// The tile's pixels of [..., rows, cols] at `side` pixels of a cell's side, with what is around it.
at::Tensor pixels_around(const at::Tensor& x, const Tile& tile, std::int64_t side) {
  const auto& [rows, cols] = tile;
  return x.narrow(-2, side * rows.from, side * (rows.to - rows.from))
      .narrow(-1, side * cols.from, side * (cols.to - cols.from));
}

void check_tiles(const VaeTiles& tiles, std::int64_t rows, std::int64_t cols) {
  require(tiles.rows > 0 && tiles.cols > 0 && tiles.rows <= rows && tiles.cols <= cols,
          ErrorCode::kUsage, tiles.rows, " x ", tiles.cols, " tiles of ", rows, " x ", cols,
          " latent cells");
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

  VaeGroups groups(VaeWork work, std::int64_t cells, std::int64_t part,
                   const VaeOptions& options) const {
    // Who needs tiles has no memory for several frames.
    const std::int64_t fast =
        device.is_cpu() || options.tiles.count() > 1 ? kMostVaeBytes : kMostVaeBytesOnGpu;
    return vae_groups(config, dtype, work, {.frame = cells, .part = part},
                      options.most_bytes > 0 ? options.most_bytes : fast);
  }

  // clip: [frames, rows, cols, channels]; video: [3, frames, height, width].
  void decode(const at::Tensor& clip, const VaeOptions& options, at::Tensor& video,
              Progress& progress) const;
  void decode_in_tiles(const at::Tensor& clip, const VaeOptions& options, at::Tensor& video,
                       Progress& progress) const;
  // What is seen of frames [frames, h, w, channels] from `first` on.
  void put(const at::Tensor& frames, std::int64_t first, const at::Tensor& place) const;
  VaeEncoder::Source source(const at::Tensor& video, Progress& progress) const;
  // video: [3, frames, height, width]; latents: [channels, frames, rows, cols].
  void encode(const at::Tensor& video, const VaeOptions& options, at::Tensor& latents,
              Progress& progress) const;
  void encode_in_tiles(const at::Tensor& video, const VaeOptions& options, at::Tensor& latents,
                       Progress& progress) const;
  void put_mean(const at::Tensor& mean, std::int64_t first, at::Tensor& latents) const;
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

std::int64_t WanVae::bytes(VaeWork work, const LatentGrid& grid, const VaeTiles& tiles) const {
  return wan_vae_bytes(impl_->config, impl_->dtype, work, grid, tiles);
}

void WanVae::Impl::put(const at::Tensor& frames, std::int64_t first,
                       const at::Tensor& place) const {
  // Before the clamp, which would make white of an infinity.
  const std::int64_t count = frames.size(0);
  require(all_finite(frames), ErrorCode::kModel, "of the VAE's frame",
          count == 1 ? concat(" ", first + 1) : concat("s ", first + 1, " to ", first + count),
          " not all values are finite");
  const at::Tensor to = place.narrow(1, first, count);
  const at::Tensor pixels = from_patches(frames, config.patch());
  if (place.scalar_type() == at::kByte) {
    to.copy_(pixels.to(at::kFloat).clamp(-1, 1).add_(1.0).mul_(127.5).round_());
  } else {
    to.copy_(pixels).clamp_(-1, 1);
  }
}

void WanVae::Impl::decode(const at::Tensor& clip, const VaeOptions& options, at::Tensor& video,
                          Progress& progress) const {
  if (options.tiles.count() > 1) {
    decode_in_tiles(clip, options, video, progress);
    return;
  }
  const VaeDecoder& decoder = networks.decoder;
  const std::int64_t cells = clip.size(1) * clip.size(2);
  VaePass pass(groups(VaeWork::kDecode, cells, cells, options), options.stop);
  std::int64_t done = 0;
  const auto sink = [&](const at::Tensor& frames) {
    put(frames, done, video);
    done += frames.size(0);
    progress.add(frames.size(0));
    progress.check_stop();
  };
  in_groups(clip.size(0), pass.group(0), [&](std::int64_t first, std::int64_t count) {
    decoder.frames(decoder.cells(clip.narrow(0, first, count), pass), pass, sink);
  });
}

void WanVae::Impl::decode_in_tiles(const at::Tensor& clip, const VaeOptions& options,
                                   at::Tensor& video, Progress& progress) const {
  const VaeDecoder& decoder = networks.decoder;
  const std::int64_t frames = clip.size(0);
  const std::int64_t area = clip.size(1) * clip.size(2);
  VaeCells all;
  const auto keep = [&](at::Tensor& kept, const at::Tensor& made, std::int64_t first) {
    if (made.defined() && !kept.defined()) {
      kept = at::empty({frames, made.size(1), made.size(2), made.size(3)}, made.options());
    }
    if (made.defined()) {
      kept.narrow(0, first, made.size(0)).copy_(made);
    }
  };
  {
    VaePass pass(groups(VaeWork::kDecode, area, area, options), options.stop);
    in_groups(frames, pass.group(0), [&](std::int64_t first, std::int64_t count) {
      progress.check_stop();
      const VaeCells made = decoder.cells(clip.narrow(0, first, count), pass);
      keep(all.x, made.x, first);
      keep(all.around, made.around, first);
    });
  }
  const std::int64_t stride = config.spatial_stride();
  for (const Tile& tile : tiles_of(options.tiles, clip.size(1), clip.size(2), kDecoderReach)) {
    const at::Tensor place =
        video.narrow(2, stride * tile.rows.begin, stride * (tile.rows.end - tile.rows.begin))
            .narrow(3, stride * tile.cols.begin, stride * (tile.cols.end - tile.cols.begin));
    VaePass pass(groups(VaeWork::kDecode, area, tile.cells(), options), options.stop);
    std::int64_t done = 0;
    const auto sink = [&](const at::Tensor& made) {
      put(without_surroundings(made, tile, stride / config.patch()), done, place);
      done += made.size(0);
      progress.add(made.size(0));
      progress.check_stop();
    };
    in_groups(frames, pass.group(0), [&](std::int64_t first, std::int64_t count) {
      const auto part = [&](const at::Tensor& x) {
        return x.defined() ? with_surroundings(x.narrow(0, first, count), tile) : x;
      };
      decoder.frames({part(all.x), part(all.around)}, pass, sink);
    });
  }
}

at::Tensor WanVae::decode(const at::Tensor& latents, const VaeOptions& options) const {
  const c10::InferenceMode guard;
  const Impl& impl = *impl_;
  const WanVaeConfig& config = impl.config;
  require(latents.dim() == 5 && latents.size(1) == config.channels() && latents.numel() > 0,
          ErrorCode::kUsage, "latents of shape ", latents.sizes(), " are not [batch, ",
          config.channels(), ", frames, height, width]");
  TWILL_ASSERT(options.pixels == at::kFloat || options.pixels == at::kByte);
  const std::int64_t batch = latents.size(0);
  const std::int64_t frames = frames_before(latents.size(2));
  check_tiles(options.tiles, latents.size(3), latents.size(4));
  at::Tensor video = at::empty({batch, 3, frames, latents.size(3) * config.spatial_stride(),
                                latents.size(4) * config.spatial_stride()},
                               at::TensorOptions().dtype(options.pixels).device(impl.device));
  Progress progress(options, batch * latents.size(2), batch * frames, options.tiles.count());
  progress.check_stop();
  for (std::int64_t b = 0; b < batch; ++b) {
    const at::Tensor scaled =
        channels_last(latents[b].to(impl.device, at::kFloat)) * impl.deviation + impl.mean;
    at::Tensor place = video[b];
    impl.decode(scaled.to(impl.dtype), options, place, progress);
  }
  return video;
}

VaeEncoder::Source WanVae::Impl::source(const at::Tensor& video, Progress& progress) const {
  return [this, video, &progress](std::int64_t first, std::int64_t count) {
    progress.check_stop();
    progress.add(count);
    return to_patches(video.narrow(1, first, count).to(device, dtype), config.patch());
  };
}

void WanVae::Impl::put_mean(const at::Tensor& made, std::int64_t first, at::Tensor& latents) const {
  latents.narrow(1, first, made.size(0))
      .copy_(channels_first((made.to(at::kFloat) - mean) / deviation));
}

void WanVae::Impl::encode(const at::Tensor& video, const VaeOptions& options, at::Tensor& latents,
                          Progress& progress) const {
  const VaeEncoder& encoder = networks.encoder;
  const std::int64_t area = latents.size(2) * latents.size(3);
  VaePass pass(groups(VaeWork::kEncode, area, area, options), options.stop);
  const VaeEncoder::Source frames = source(video, progress);
  in_groups(
      latents.size(1), pass.group(kVaeLevels - 1), [&](std::int64_t first, std::int64_t count) {
        put_mean(encoder.mean(encoder.cells(first, count, pass, frames), pass), first, latents);
      });
}

void WanVae::Impl::encode_in_tiles(const at::Tensor& video, const VaeOptions& options,
                                   at::Tensor& latents, Progress& progress) const {
  const VaeEncoder& encoder = networks.encoder;
  const std::int64_t frames = latents.size(1);
  const std::int64_t area = latents.size(2) * latents.size(3);
  at::Tensor all;
  for (const Tile& tile :
       tiles_of(options.tiles, latents.size(2), latents.size(3), kEncoderReach)) {
    VaePass pass(groups(VaeWork::kEncode, area, tile.cells(), options), options.stop);
    const VaeEncoder::Source part =
        source(pixels_around(video, tile, config.spatial_stride()), progress);
    in_groups(frames, pass.group(kVaeLevels - 1), [&](std::int64_t first, std::int64_t count) {
      const at::Tensor made = encoder.cells(first, count, pass, part);
      if (!all.defined()) {
        all = at::empty({frames, latents.size(2), latents.size(3), made.size(3)}, made.options());
      }
      all.narrow(0, first, count)
          .narrow(1, tile.rows.begin, tile.rows.end - tile.rows.begin)
          .narrow(2, tile.cols.begin, tile.cols.end - tile.cols.begin)
          .copy_(without_surroundings(made, tile, 1));
    });
  }
  VaePass pass(groups(VaeWork::kEncode, area, area, options), options.stop);
  in_groups(frames, pass.group(kVaeLevels - 1), [&](std::int64_t first, std::int64_t count) {
    put_mean(encoder.mean(all.narrow(0, first, count), pass), first, latents);
  });
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
  const std::int64_t rows = video.size(3) / stride;
  const std::int64_t cols = video.size(4) / stride;
  check_tiles(options.tiles, rows, cols);
  at::Tensor latents = at::empty({batch, impl.config.channels(), frames, rows, cols},
                                 at::TensorOptions().dtype(at::kFloat).device(impl.device));
  Progress progress(options, batch * frames, batch * video.size(2), options.tiles.count());
  for (std::int64_t b = 0; b < batch; ++b) {
    at::Tensor place = latents[b];
    if (options.tiles.count() > 1) {
      impl.encode_in_tiles(video[b], options, place, progress);
    } else {
      impl.encode(video[b], options, place, progress);
    }
  }
  return latents;
}

}  // namespace twill::engine
