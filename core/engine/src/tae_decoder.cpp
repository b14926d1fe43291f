// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/tae_decoder.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "twill/plan/error.h"
#include "twill/plan/text.h"
#include "vector_math.h"

namespace twill::engine {
namespace {

// The layers stand in one list, "decoder.0" to "decoder.22": a clamp, a convolution and its
// activation, then six of each level (three blocks, a doubling of rows and columns, the growth in
// time, a convolution), an activation and the last convolution.
constexpr int kFirst = 1;
constexpr int kFirstOfLevels = 3;
constexpr int kLayersOfLevel = 6;
constexpr int kLast = 22;

struct LevelShape {
  std::int64_t width;   // channels
  std::int64_t next;    // of the level behind it
  std::int64_t frames;  // for each
};
constexpr std::array kLevels{LevelShape{256, 128, 1}, LevelShape{128, 64, 2},
                             LevelShape{64, 64, 2}};

std::string layer(int number) { return concat("decoder.", number); }

at::Tensor weight_of(const Weights& weights, const std::string& name, at::IntArrayRef sizes,
                     at::ScalarType dtype, at::Device device) {
  return weights.get(name + ".weight", sizes, dtype)
      .to(device)
      .contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor of_channels(std::span<const double> values, std::int64_t channels, at::Device device) {
  TWILL_ASSERT(std::ssize(values) == channels);
  return at::tensor(at::ArrayRef<double>(values.data(), values.size()), at::kFloat)
      .view({1, channels, 1, 1})
      .to(device);
}

void check_layer(const Weights& weights, const std::string& name, std::int64_t out,
                 std::int64_t in) {
  const std::vector<std::int64_t>& shape = weights.shape(name);
  require(shape.size() == 4 && shape[0] == out && shape[1] == in, ErrorCode::kFile,
          weights.place_of(name), " has shape ", at::IntArrayRef(shape), ", not [", out, ", ", in,
          ", ...] as the decoder of a tiny autoencoder for video");
}

std::int64_t patch_of(const Weights& weights) {
  const std::string name = layer(kLast) + ".bias";
  const std::vector<std::int64_t>& shape = weights.shape(name);
  const bool patches = shape == std::vector<std::int64_t>{12};
  require(patches || shape == std::vector<std::int64_t>{3}, ErrorCode::kFile,
          weights.place_of(name), " has shape ", at::IntArrayRef(shape),
          ", not [3] or, of 2 x 2 pixels, [12]");
  return patches ? 2 : 1;
}

}  // namespace

std::int64_t TaeDecoder::channels_of(const Weights& weights) {
  patch_of(weights);
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    const int at = kFirstOfLevels + static_cast<int>(i) * kLayersOfLevel;
    check_layer(weights, layer(at) + ".conv.0.weight", kLevels[i].width, 2 * kLevels[i].width);
    check_layer(weights, layer(at + 4) + ".conv.weight", kLevels[i].frames * kLevels[i].width,
                kLevels[i].width);
  }
  const std::string name = layer(kFirst) + ".weight";
  const std::vector<std::int64_t>& shape = weights.shape(name);
  require(shape.size() == 4 && shape[1] > 0, ErrorCode::kFile, weights.place_of(name),
          " has shape ", at::IntArrayRef(shape), ", not [256, channels, 3, 3]");
  return shape[1];
}

TaeDecoder::TaeDecoder(const Weights& weights, at::ScalarType dtype, at::Device device,
                       const TaeNumbers& numbers)
    : dtype_(dtype), device_(device), patch_(patch_of(weights)) {
  const c10::InferenceMode guard;
  settle_vector_math();
  const std::int64_t channels = channels_of(weights);
  if (!numbers.mean.empty()) {
    mean_ = of_channels(numbers.mean, channels, device);
    deviation_ = of_channels(numbers.deviation, channels, device);
  }
  const auto conv = [&](const std::string& name, std::int64_t out, std::int64_t in,
                        std::int64_t side, bool biased) {
    Conv made{.weight = weight_of(weights, name, {out, in, side, side}, dtype, device)};
    if (biased) {
      made.bias = weights.get(name + ".bias", {out}, dtype).to(device);
    }
    return made;
  };
  first_ = conv(layer(kFirst), kLevels.front().width, channels, 3, true);
  int at = kFirstOfLevels;
  for (std::size_t i = 0; i < kLevels.size(); ++i, at += kLayersOfLevel) {
    const auto& [width, next, frames] = kLevels[i];
    for (int block = 0; block < 3; ++block) {
      for (int n = 0; n < 3; ++n) {
        levels_[i].blocks[block].convs[n] = conv(concat(layer(at + block), ".conv.", 2 * n), width,
                                                 n == 0 ? 2 * width : width, 3, true);
      }
    }
    levels_[i].grow = conv(layer(at + 4) + ".conv", frames * width, width, 1, false);
    levels_[i].merge = conv(layer(at + 5), next, width, 3, false);
  }
  last_ = conv(layer(kLast), 3 * patch_ * patch_, kLevels.back().next, 3, true);
  // Nothing behind the last growth remembers, so the picture's frame alone goes on.
  at::Tensor& grow = levels_.back().grow.weight;
  grow = grow.narrow(0, grow.size(0) - kLevels.back().width, kLevels.back().width);
  weights.check_unchanged();
}

at::Tensor TaeDecoder::Conv::operator()(const at::Tensor& x) const {
  return at::conv2d(x, weight, bias, /*stride=*/1, /*padding=*/weight.size(2) / 2);
}

at::Tensor TaeDecoder::MemoryBlock::operator()(const at::Tensor& x, at::Tensor& past) const {
  const std::int64_t frames = x.size(0);
  if (!past.defined()) {
    past = at::zeros_like(x.narrow(0, 0, 1));
  }
  const at::Tensor before = at::cat({past, x.narrow(0, 0, frames - 1)}, 0);
  past = x.narrow(0, frames - 1, 1);
  at::Tensor y = convs[0](at::cat({x, before}, 1)).relu_();
  y = convs[1](y).relu_();
  return convs[2](y).add_(x).relu_();
}

// frame: [1, channels, h, w]; past: of each block. Returns [1, 3, height, width] in 0..1.
at::Tensor TaeDecoder::picture(const at::Tensor& frame, std::vector<at::Tensor>& past) const {
  at::Tensor x = first_((frame / 3.0).tanh_().mul_(3.0)).relu_();
  std::size_t place = 0;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const Level& level = levels_[i];
    for (const MemoryBlock& block : level.blocks) {
      x = block(x, past[place++]);
    }
    const bool is_last = i + 1 == levels_.size();
    x = is_last ? x.narrow(0, x.size(0) - 1, 1) : x;
    // Of each place by itself, so it may come before its rows and columns are doubled.
    x = level.grow(x);
    if (!is_last && x.size(1) > kLevels[i].width) {
      x = at::cat(x.split(kLevels[i].width, 1), 0);
    }
    x = level.merge(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
  }
  x = last_(x.relu_());
  return patch_ > 1 ? at::pixel_shuffle(x, patch_) : x;
}

at::Tensor TaeDecoder::pictures(const at::Tensor& latents, const std::stop_token& stop) const {
  const c10::InferenceMode guard;
  TWILL_ASSERT(latents.dim() == 5 && latents.size(0) == 1 &&
               latents.size(1) == first_.weight.size(1));
  std::vector<at::Tensor> past(9);
  std::vector<at::Tensor> made;
  const std::int64_t side = 8 * patch_ * std::max(latents.size(3), latents.size(4));
  const std::int64_t shrunk = (side + kMostPreviewSide - 1) / kMostPreviewSide;
  for (std::int64_t t = 0; t < latents.size(2); ++t) {
    if (stop.stop_requested()) {
      throw Cancelled();
    }
    at::Tensor frame = latents.select(2, t).to(device_, at::kFloat);
    if (mean_.defined()) {
      frame = frame * deviation_ + mean_;
    }
    frame = frame.to(dtype_).contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor rgb = picture(frame, past).to(at::kFloat).clamp_(0, 1);
    if (shrunk > 1) {
      rgb = at::avg_pool2d(rgb, {shrunk, shrunk});
    }
    made.push_back(
        rgb.nan_to_num_().mul_(255.0).round_().to(at::kByte).permute({0, 2, 3, 1}).to(at::kCPU));
  }
  return at::cat(made, 0).contiguous();
}

}  // namespace twill::engine
