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
#include "vae_memory.h"
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

// What the layers at the latents' own size make of whole frames.
struct Cells {
  at::Tensor x;
  at::Tensor around;  // of the first level's shortcut; undefined where it has none
};

struct UpLevel {
  std::vector<ResidualBlock> blocks;
  std::optional<Upsample> up;
  bool shortcut = false;

  Cells in_blocks(at::Tensor x, ClipState& state) const {
    const at::Tensor around = shortcut ? x : at::Tensor();  // else freed by the first block
    for (const ResidualBlock& block : blocks) {
      x = block(x, state);
    }
    return {x, around};
  }

  at::Tensor out(Cells cells, bool at_start, ClipState& state) const {
    at::Tensor x = std::move(cells.x);
    if (up) {
      x = (*up)(x, at_start, state);
    }
    if (shortcut) {
      add_repeats(x, cells.around, up->time ? 2 : 1, at_start);
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

  Cells cells(const at::Tensor& latents, ClipState& state) const {
    return levels.front().in_blocks(middle(first(from_latent(latents), state), state), state);
  }

  // Of whole frames or of a tile and what is around it.
  at::Tensor frames(Cells cells, bool at_start, ClipState& state) const {
    at::Tensor x = levels.front().out(std::move(cells), at_start, state);
    for (std::size_t level = 1; level < levels.size(); ++level) {
      x = levels[level].out(levels[level].in_blocks(std::move(x), state), at_start, state);
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

  // Down to the latents' own size, of whole frames or of a tile and what is around it.
  at::Tensor cells(const at::Tensor& video, bool at_start, ClipState& state) const {
    at::Tensor x = first(video, state);
    for (std::size_t level = 0; level + 1 < levels.size(); ++level) {
      x = levels[level](std::move(x), at_start, state);
    }
    return x;
  }

  // Of whole frames: the posterior's mean; its variance has no use here.
  at::Tensor mean(at::Tensor cells, bool at_start, ClipState& state) const {
    const at::Tensor x = levels.back()(std::move(cells), at_start, state);
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

// Of a whole call; each of `parts` goes over all frames once.
class Progress {
 public:
  Progress(const VaeOptions& options, std::int64_t frames, std::int64_t parts)
      : options_(options), frames_(frames), parts_(parts) {}

  void check_stop() const {
    if (options_.stop.stop_requested()) {
      throw Cancelled();
    }
  }
  void add(std::int64_t frames) {
    done_ += frames;
    if (options_.progress) {
      options_.progress(done_ / parts_, frames_);
    }
  }

 private:
  const VaeOptions& options_;
  std::int64_t frames_;
  std::int64_t parts_;
  std::int64_t done_ = 0;
};

// Calls `work(first, count)` for chunks of latent frames.
template <typename Work>
void in_chunks(std::int64_t frames, std::int64_t chunk, const Progress& progress,
               const Work& work) {
  for (std::int64_t first = 0; first < frames; first += chunk) {
    progress.check_stop();
    work(first, std::min(chunk, frames - first));
  }
}

// Frames of the clip before a latent frame.
std::int64_t frames_before(std::int64_t latent_frame) {
  return latent_frame == 0 ? 0 : kTemporalStride * (latent_frame - 1) + 1;
}

struct Tile {
  VaeSpan rows, cols;
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

  std::int64_t chunk_for(VaeWork work, std::int64_t area, const VaeOptions& options) const {
    if (options.chunk > 0) {
      return options.chunk;
    }
    // Who needs tiles has no memory for several frames.
    return options.tiles.count() > 1
               ? 1
               : vae_chunk(config, dtype, work, area,
                           device.is_cpu() ? kMostVaeBytes : kMostVaeBytesOnGpu);
  }

  // clip: [frames, rows, cols, channels]; video: [3, frames, height, width].
  void decode(const at::Tensor& clip, std::int64_t chunk, const VaeTiles& tiles, at::Tensor& video,
              Progress& progress) const;
  void decode_in_tiles(const at::Tensor& clip, std::int64_t chunk, const VaeTiles& tiles,
                       at::Tensor& video, Progress& progress) const;
  // What is seen of a chunk that begins at latent frame `first`, [frames, h, w, channels].
  void put(const at::Tensor& piece, std::int64_t first, at::Tensor place) const;
  at::Tensor chunk_of(const at::Tensor& video, std::int64_t first, std::int64_t count) const;
  // video: [3, frames, height, width]; latents: [channels, frames, rows, cols].
  void encode(const at::Tensor& video, std::int64_t chunk, at::Tensor& latents,
              Progress& progress) const;
  void encode_in_tiles(const at::Tensor& video, std::int64_t chunk, const VaeTiles& tiles,
                       at::Tensor& latents, Progress& progress) const;
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

void WanVae::Impl::put(const at::Tensor& piece, std::int64_t first, at::Tensor place) const {
  const std::int64_t at = frames_before(first);
  // Before the clamp, which would make white of an infinity.
  require(all_finite(piece), ErrorCode::kModel, "of the VAE's frames ", at + 1, " to ",
          at + piece.size(0), " not all values are finite");
  place.narrow(1, at, piece.size(0)).copy_(from_patches(piece, config.patch())).clamp_(-1, 1);
}

void WanVae::Impl::decode(const at::Tensor& clip, std::int64_t chunk, const VaeTiles& tiles,
                          at::Tensor& video, Progress& progress) const {
  if (tiles.count() > 1) {
    decode_in_tiles(clip, chunk, tiles, video, progress);
    return;
  }
  ClipState state;
  in_chunks(clip.size(0), chunk, progress, [&](std::int64_t first, std::int64_t count) {
    state.rewind();
    const Decoder& decoder = networks.decoder;
    put(decoder.frames(decoder.cells(clip.narrow(0, first, count), state), first == 0, state),
        first, video);
    progress.add(count);
  });
}

void WanVae::Impl::decode_in_tiles(const at::Tensor& clip, std::int64_t chunk,
                                   const VaeTiles& tiles, at::Tensor& video,
                                   Progress& progress) const {
  const Decoder& decoder = networks.decoder;
  const std::int64_t frames = clip.size(0);
  Cells all;
  const auto keep = [&](at::Tensor& kept, const at::Tensor& made, std::int64_t first) {
    if (made.defined() && !kept.defined()) {
      kept = at::empty({frames, made.size(1), made.size(2), made.size(3)}, made.options());
    }
    if (made.defined()) {
      kept.narrow(0, first, made.size(0)).copy_(made);
    }
  };
  {
    ClipState state;
    in_chunks(frames, chunk, progress, [&](std::int64_t first, std::int64_t count) {
      state.rewind();
      const Cells made = decoder.cells(clip.narrow(0, first, count), state);
      keep(all.x, made.x, first);
      keep(all.around, made.around, first);
    });
  }
  const std::int64_t side = config.spatial_stride() / config.patch();
  for (const Tile& tile : tiles_of(tiles, clip.size(1), clip.size(2), kDecoderReach)) {
    const at::Tensor place =
        video
            .narrow(2, config.spatial_stride() * tile.rows.begin,
                    config.spatial_stride() * (tile.rows.end - tile.rows.begin))
            .narrow(3, config.spatial_stride() * tile.cols.begin,
                    config.spatial_stride() * (tile.cols.end - tile.cols.begin));
    ClipState state;
    in_chunks(frames, chunk, progress, [&](std::int64_t first, std::int64_t count) {
      state.rewind();
      const auto part = [&](const at::Tensor& x) {
        return x.defined() ? with_surroundings(x.narrow(0, first, count), tile) : x;
      };
      const at::Tensor piece = decoder.frames({part(all.x), part(all.around)}, first == 0, state);
      put(without_surroundings(piece, tile, side), first, place);
      progress.add(count);
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
  const std::int64_t batch = latents.size(0);
  const std::int64_t frames = latents.size(2);
  check_tiles(options.tiles, latents.size(3), latents.size(4));
  const std::int64_t chunk =
      impl.chunk_for(VaeWork::kDecode, latents.size(3) * latents.size(4), options);
  const bool in_tiles = options.tiles.count() > 1;
  at::Tensor video =
      at::empty({batch, 3, frames_before(frames), latents.size(3) * config.spatial_stride(),
                 latents.size(4) * config.spatial_stride()},
                at::TensorOptions().dtype(at::kFloat).device(in_tiles ? at::kCPU : impl.device));
  Progress progress(options, batch * frames, options.tiles.count());
  for (std::int64_t b = 0; b < batch; ++b) {
    const at::Tensor scaled =
        channels_last(latents[b].to(impl.device, at::kFloat)) * impl.deviation + impl.mean;
    at::Tensor place = video[b];
    impl.decode(scaled.to(impl.dtype), chunk, options.tiles, place, progress);
  }
  return video;
}

at::Tensor WanVae::Impl::chunk_of(const at::Tensor& video, std::int64_t first,
                                  std::int64_t count) const {
  const std::int64_t at = frames_before(first);
  return to_patches(video.narrow(1, at, frames_before(first + count) - at).to(device, dtype),
                    config.patch());
}

void WanVae::Impl::put_mean(const at::Tensor& made, std::int64_t first, at::Tensor& latents) const {
  latents.narrow(1, first, made.size(0))
      .copy_(channels_first((made.to(at::kFloat) - mean) / deviation));
}

void WanVae::Impl::encode(const at::Tensor& video, std::int64_t chunk, at::Tensor& latents,
                          Progress& progress) const {
  ClipState state;
  in_chunks(latents.size(1), chunk, progress, [&](std::int64_t first, std::int64_t count) {
    state.rewind();
    const Encoder& encoder = networks.encoder;
    at::Tensor cells = encoder.cells(chunk_of(video, first, count), first == 0, state);
    put_mean(encoder.mean(std::move(cells), first == 0, state), first, latents);
    progress.add(count);
  });
}

void WanVae::Impl::encode_in_tiles(const at::Tensor& video, std::int64_t chunk,
                                   const VaeTiles& tiles, at::Tensor& latents,
                                   Progress& progress) const {
  const Encoder& encoder = networks.encoder;
  const std::int64_t frames = latents.size(1);
  at::Tensor all;
  for (const Tile& tile : tiles_of(tiles, latents.size(2), latents.size(3), kEncoderReach)) {
    const at::Tensor part = pixels_around(video, tile, config.spatial_stride());
    ClipState state;
    in_chunks(frames, chunk, progress, [&](std::int64_t first, std::int64_t count) {
      state.rewind();
      const at::Tensor made = encoder.cells(chunk_of(part, first, count), first == 0, state);
      if (!all.defined()) {
        all = at::empty({frames, latents.size(2), latents.size(3), made.size(3)}, made.options());
      }
      all.narrow(0, first, count)
          .narrow(1, tile.rows.begin, tile.rows.end - tile.rows.begin)
          .narrow(2, tile.cols.begin, tile.cols.end - tile.cols.begin)
          .copy_(without_surroundings(made, tile, 1));
      progress.add(count);
    });
  }
  ClipState state;
  in_chunks(frames, chunk, progress, [&](std::int64_t first, std::int64_t count) {
    state.rewind();
    put_mean(encoder.mean(all.narrow(0, first, count), first == 0, state), first, latents);
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
  const std::int64_t chunk = impl.chunk_for(VaeWork::kEncode, rows * cols, options);
  at::Tensor latents = at::empty({batch, impl.config.channels(), frames, rows, cols},
                                 at::TensorOptions().dtype(at::kFloat).device(impl.device));
  Progress progress(options, batch * frames, options.tiles.count());
  for (std::int64_t b = 0; b < batch; ++b) {
    at::Tensor place = latents[b];
    if (options.tiles.count() > 1) {
      impl.encode_in_tiles(video[b], chunk, options.tiles, place, progress);
    } else {
      impl.encode(video[b], chunk, place, progress);
    }
  }
  return latents;
}

}  // namespace twill::engine
