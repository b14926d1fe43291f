// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Layers of the VAE over clips [frames, height, width, channels]. A layer with a memory takes its
// place in `ClipState` in the order of the calls, so that a clip can be worked on piece by piece.
#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "twill/engine/weight_table.h"
#include "twill/plan/error.h"

namespace twill::engine {

inline constexpr int kVaeLevels = 4;
inline constexpr int kEncoderBlocks = 2;  // residual ones of a level
inline constexpr int kDecoderBlocks = 3;

// Names of the layers of all levels in their order: "encoder.downsamples.7" in Wan 2.1, which
// counts them on, "encoder.downsamples.2.downsamples.1" in Wan 2.2, whose levels are lists.
class VaeLayerNames {
 public:
  VaeLayerNames(const char* coder, const char* list, bool nested)
      : coder_(coder), list_(list), nested_(nested) {}

  std::string next() {
    const std::string level = nested_ ? concat(level_, ".", list_) : std::string();
    return concat(coder_, list_, level, layer_++);
  }
  void end_level() {
    ++level_;
    layer_ = nested_ ? 0 : layer_;
  }

 private:
  const char* coder_;
  const char* list_;
  bool nested_;
  int level_ = 0;
  int layer_ = 0;
};

// What layers remember of the frames before the piece of a clip that they work on.
class ClipState {
 public:
  // taps: memory of norm_silu_taps, which all states of a call may share, as they do its stop.
  ClipState(at::Tensor& taps, const std::stop_token& stop) : taps_(taps), stop_(stop) {}

  void next_piece() {
    place_ = 0;
    ++pieces_;
  }
  // In its first piece.
  bool at_start() const { return pieces_ == 1; }
  // The next layer's memory; undefined before its first frames.
  at::Tensor& next_history() {
    if (place_ == slots_.size()) {
      slots_.emplace_back();
    }
    return slots_[place_++];
  }
  at::Tensor& taps() { return taps_; }
  // Throws Cancelled once a stop is asked for.
  void check_stop() const {
    if (stop_.stop_requested()) {
      throw Cancelled();
    }
  }

 private:
  at::Tensor& taps_;
  const std::stop_token& stop_;
  std::vector<at::Tensor> slots_;
  std::size_t place_ = 0;
  std::int64_t pieces_ = 0;
};

// Reads tensors of one VAE; its table says their sizes, and which layers there are.
struct VaeLoader {
  TableReader& reader;
  at::ScalarType dtype;

  at::Tensor load(const std::string& name) const { return reader.take(name); }
  at::Tensor load_gamma(const std::string& name) const;  // [channels]
};

// 1 x 1 x 1.
struct PointConv {
  at::Tensor weight, bias;
  PointConv(const VaeLoader& loader, const std::string& name);
  at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};

// 3 x 3 x 3, causal: no later frame is seen.
struct CausalConv {
  at::Tensor weight, bias;
  CausalConv(const VaeLoader& loader, const std::string& name);
  at::Tensor on_taps(const at::Tensor& taps) const;
  at::Tensor operator()(const at::Tensor& x, ClipState& state) const;
};

// Normalised and activated, then convolved: half of a residual block, and the last step of both
// networks.
struct NormConv {
  at::Tensor gamma;
  CausalConv conv;
  NormConv(const VaeLoader& loader, const std::string& norm, const std::string& conv_name);
  at::Tensor operator()(const at::Tensor& x, ClipState& state) const;
};

struct ResidualBlock {
  NormConv first, second;
  std::optional<PointConv> shortcut;
  ResidualBlock(const VaeLoader& loader, const std::string& name);
  at::Tensor operator()(const at::Tensor& x, ClipState& state) const;
};

// One head over the places of each frame.
struct FrameAttention {
  at::Tensor gamma;
  PointConv qkv, out;
  FrameAttention(const VaeLoader& loader, const std::string& name);
  at::Tensor operator()(const at::Tensor& x) const;
};

// Residual block, attention, residual block.
struct Middle {
  ResidualBlock before;
  FrameAttention attention;
  ResidualBlock after;
  Middle(const VaeLoader& loader, const std::string& name);
  at::Tensor operator()(const at::Tensor& x, ClipState& state) const;
};

// The three taps of a kernel of 3 x 1 x 1.
struct TimeConv {
  std::vector<at::Tensor> taps;  // each [in, out]
  at::Tensor bias;
  TimeConv(const VaeLoader& loader, const std::string& name);
  // frames: [outputs + 2 or 2 * outputs + 1, h, w, in], the earlier frames included.
  at::Tensor operator()(const at::Tensor& frames, std::int64_t stride) const;
};

// Twice the rows and columns, other channels; with `time`, two frames for each but the clip's
// first.
struct Upsample {
  at::Tensor weight;  // [4 * out, in, 2, 2]: see the constructor
  at::Tensor bias;    // [4 * out]
  std::optional<TimeConv> time;
  Upsample(const VaeLoader& loader, const std::string& name);
  at::Tensor operator()(const at::Tensor& x, ClipState& state) const;
};

// Half the rows and columns; with `time`, one frame for two, the clip's first left alone.
struct Downsample {
  at::Tensor weight, bias;
  std::optional<TimeConv> time;
  Downsample(const VaeLoader& loader, const std::string& name);
  at::Tensor operator()(const at::Tensor& x, ClipState& state) const;
};

}  // namespace twill::engine
