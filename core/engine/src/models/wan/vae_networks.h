// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The networks of a Wan VAE, from and to the frames of a clip [frames, height, width, channels].
// They work depth first: each level on as many frames at a time as VaeGroups says, and what it made
// of them goes on before the next ones come. Layers see earlier frames through what they remember,
// so the result depends on the groups for the order of sums alone.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "vae_layers.h"
#include "vae_memory.h"

namespace twill::engine {

// Calls `work(first, count)` for groups of frames.
template <typename Work>
void in_groups(std::int64_t frames, std::int64_t group, const Work& work) {
  for (std::int64_t first = 0; first < frames; first += group) {
    work(first, std::min(group, frames - first));
  }
}

// What one call remembers of the frames that it has seen.
class VaePass {
 public:
  // stop: looked at before each residual block.
  VaePass(const VaeGroups& groups, std::stop_token stop)
      : groups_(groups), stop_(std::move(stop)) {}
  VaePass(const VaePass&) = delete;
  VaePass& operator=(const VaePass&) = delete;

  std::int64_t group(std::size_t level) const { return groups_[level]; }
  ClipState& state(std::size_t level) { return states_[level]; }
  // Of the layers that work on whole frames at the latents' own size.
  ClipState& cells() { return states_[kVaeLevels]; }

 private:
  VaeGroups groups_;
  std::stop_token stop_;
  at::Tensor taps_;
  std::array<ClipState, kVaeLevels + 1> states_{ClipState(taps_, stop_), ClipState(taps_, stop_),
                                                ClipState(taps_, stop_), ClipState(taps_, stop_),
                                                ClipState(taps_, stop_)};
};

// What the layers at the latents' own size make of whole frames.
struct VaeCells {
  at::Tensor x;
  at::Tensor around;  // of the first level's shortcut; undefined where it has none
};

struct UpLevel {
  std::vector<ResidualBlock> blocks;
  std::optional<Upsample> up;
  bool shortcut = false;

  VaeCells in_blocks(at::Tensor x, ClipState& state) const;
  at::Tensor out(VaeCells cells, ClipState& state) const;
};

struct DownLevel {
  std::vector<ResidualBlock> blocks;
  std::optional<Downsample> down;
  bool shortcut = false;

  at::Tensor operator()(at::Tensor x, ClipState& state) const;
  // Frames of which it makes one, but for a clip's first.
  std::int64_t times() const { return down && down->time ? 2 : 1; }
  // Frames from a clip's start of which it makes so many.
  std::int64_t frames_for(std::int64_t made) const {
    return made > 0 ? times() * (made - 1) + 1 : 0;
  }
};

class VaeDecoder {
 public:
  using Sink = std::function<void(const at::Tensor& frames)>;

  VaeDecoder(const VaeLoader& loader, bool residual);

  // Of the next latent frames of a clip, whole ones: [frames, rows, cols, channels].
  VaeCells cells(const at::Tensor& latents, VaePass& pass) const;
  // Of the next cells, of whole frames or of a part of each: all frames in their order.
  void frames(const VaeCells& cells, VaePass& pass, const Sink& sink) const;

 private:
  void go_on(std::size_t level, const at::Tensor& x, VaePass& pass, const Sink& sink) const;

  PointConv from_latent_;
  CausalConv first_;
  Middle middle_;
  std::vector<UpLevel> levels_;
  std::optional<NormConv> head_;
};

class VaeEncoder {
 public:
  // The frames from `first` on, [frames, height, width, colours], of whole frames or of a part of
  // each.
  using Source = std::function<at::Tensor(std::int64_t first, std::int64_t count)>;

  VaeEncoder(const VaeLoader& loader, bool residual);

  // Down to the latents' own size: the cells from `first` on, which must be the next ones.
  at::Tensor cells(std::int64_t first, std::int64_t count, VaePass& pass,
                   const Source& source) const;
  // Of the next cells of whole frames: the posterior's mean; its variance has no use here.
  at::Tensor mean(const at::Tensor& cells, VaePass& pass) const;

 private:
  at::Tensor made_by(std::size_t level, std::int64_t first, std::int64_t count, VaePass& pass,
                     const Source& source) const;

  CausalConv first_;
  std::vector<DownLevel> levels_;
  Middle middle_;
  NormConv head_;
  PointConv to_latent_;
};

}  // namespace twill::engine
