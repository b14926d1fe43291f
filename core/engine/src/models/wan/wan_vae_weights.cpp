// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a Wan VAE is, from its file, and the table of its weights. Architecture and names:
// https://github.com/Wan-Video/Wan2.1, wan/modules/vae.py, and https://github.com/Wan-Video/Wan2.2,
// wan/modules/vae2_2.py.
#include <ATen/ATen.h>

#include <algorithm>
#include <string_view>

#include "twill/engine/wan_vae.h"
#include "twill/plan/error.h"
#include "vae_layers.h"

namespace twill::engine {
namespace {

constexpr std::int64_t kColours = 3;

// Adds rows, a layer at a time.
class Rows {
 public:
  explicit Rows(at::ScalarType dtype) : dtype_(dtype) {}

  void conv(const std::string& name, std::int64_t out, std::int64_t in,
            const std::vector<std::int64_t>& kernel) {
    std::vector<std::int64_t> shape{out, in};
    shape.insert(shape.end(), kernel.begin(), kernel.end());
    rows_.push_back({.name = name + ".weight", .shape = std::move(shape), .dtype = dtype_});
    rows_.push_back({.name = name + ".bias", .shape = {out}, .dtype = dtype_});
  }
  void gamma(const std::string& name, std::int64_t channels, std::size_t axes) {
    std::vector<std::int64_t> shape(axes, 1);
    shape.front() = channels;
    rows_.push_back({.name = name + ".gamma", .shape = std::move(shape), .dtype = at::kFloat});
  }
  void residual(const std::string& name, std::int64_t in, std::int64_t out) {
    gamma(name + ".residual.0", in, 4);
    conv(name + ".residual.2", out, in, {3, 3, 3});
    gamma(name + ".residual.3", out, 4);
    conv(name + ".residual.6", out, out, {3, 3, 3});
    if (in != out) {
      conv(name + ".shortcut", out, in, {1, 1, 1});
    }
  }
  void middle(const std::string& name, std::int64_t channels) {
    residual(name + ".0", channels, channels);
    gamma(name + ".1.norm", channels, 3);
    conv(name + ".1.to_qkv", 3 * channels, channels, {1, 1});
    conv(name + ".1.proj", channels, channels, {1, 1});
    residual(name + ".2", channels, channels);
  }
  void downsample(const std::string& name, std::int64_t channels, bool temporal) {
    conv(name + ".resample.1", channels, channels, {3, 3});
    if (temporal) {
      conv(name + ".time_conv", channels, channels, {3, 1, 1});
    }
  }
  // Its weights are summed before they are rounded, so they are taken in double.
  void upsample(const std::string& name, std::int64_t channels, std::int64_t out, bool temporal) {
    conv(name + ".resample.1", out, channels, {3, 3});
    rows_[rows_.size() - 2].dtype = at::kDouble;
    if (temporal) {
      conv(name + ".time_conv", 2 * channels, channels, {3, 1, 1});
    }
  }

  WeightTable table() && { return WeightTable(std::move(rows_)); }

 private:
  at::ScalarType dtype_;
  std::vector<TensorRow> rows_;
};

void add_encoder(Rows& rows, const WanVaeConfig& config) {
  const std::int64_t width = config.encoder_width;
  const std::int64_t both = 2 * config.channels();  // mean and variance
  rows.conv("encoder.conv1", width, kColours * config.patch() * config.patch(), {3, 3, 3});
  std::int64_t in = width;
  int level = 0;
  VaeLayerNames names("encoder.", "downsamples.", config.residual);
  for (const std::int64_t out : {width, 2 * width, 4 * width, 4 * width}) {
    for (int i = 0; i < kEncoderBlocks; ++i, in = out) {
      rows.residual(names.next(), in, out);
    }
    if (++level < kVaeLevels) {
      rows.downsample(names.next(), out, /*temporal=*/level > 1);
    }
    names.end_level();
  }
  rows.middle("encoder.middle", 4 * width);
  rows.gamma("encoder.head.0", 4 * width, 4);
  rows.conv("encoder.head.2", both, 4 * width, {3, 3, 3});
  rows.conv("conv1", both, both, {1, 1, 1});
}

void add_decoder(Rows& rows, const WanVaeConfig& config) {
  const std::int64_t width = config.decoder_width;
  rows.conv("conv2", config.channels(), config.channels(), {1, 1, 1});
  rows.conv("decoder.conv1", 4 * width, config.channels(), {3, 3, 3});
  rows.middle("decoder.middle", 4 * width);
  std::int64_t in = 4 * width;
  int level = 0;
  VaeLayerNames names("decoder.", "upsamples.", config.residual);
  for (const std::int64_t out : {4 * width, 4 * width, 2 * width, width}) {
    for (int i = 0; i < kDecoderBlocks; ++i, in = out) {
      rows.residual(names.next(), in, out);
    }
    if (++level < kVaeLevels) {
      in = config.residual ? out : out / 2;
      rows.upsample(names.next(), out, in, /*temporal=*/level < 3);
    }
    names.end_level();
  }
  rows.gamma("decoder.head.0", width, 4);
  rows.conv("decoder.head.2", kColours * config.patch() * config.patch(), width, {3, 3, 3});
}

void check_is_vae(const Weights& weights, const WanVaeConfig& config) {
  for (const char* name : {"decoder.head.0.gamma", "encoder.conv1.weight", "conv2.weight"}) {
    require(weights.contains(name), ErrorCode::kFile, weights.source(), ": no ", config.name(),
            ": tensor ", name, " is missing");
  }
}

// By the lists in its levels, which Wan 2.1 does not have.
bool is_residual(const Weights& weights) {
  constexpr std::string_view kNested = "decoder.upsamples.0.upsamples.";
  return std::ranges::any_of(weights.names(),
                             [&](const std::string& name) { return name.starts_with(kNested); });
}

}  // namespace

WanVaeConfig detect_wan_vae_config(const Weights& weights) {
  WanVaeConfig config{.residual = is_residual(weights)};
  check_is_vae(weights, config);
  const std::vector<std::int64_t>& shape = weights.shape("decoder.head.0.gamma");
  require(!shape.empty() && shape[0] > 0 && shape[0] % 2 == 0, ErrorCode::kFile, weights.source(),
          ": tensor decoder.head.0.gamma has shape ", at::IntArrayRef(shape),
          ", not [an even width, 1, 1, 1]");
  const std::vector<std::int64_t>& first = weights.shape("encoder.conv1.weight");
  require(first.size() == 5 && first[0] > 0, ErrorCode::kFile,
          weights.place_of("encoder.conv1.weight"), " has shape ", at::IntArrayRef(first),
          ", not [width, channels, 3, 3, 3]");
  config.encoder_width = first[0];
  config.decoder_width = shape[0];
  return config;
}

std::int64_t detect_latent_channels(const Weights& weights) {
  check_is_vae(weights, {.residual = is_residual(weights)});
  const std::vector<std::int64_t>& shape = weights.shape("conv2.weight");
  require(shape.size() == 5 && shape[1] > 0, ErrorCode::kFile, weights.place_of("conv2.weight"),
          " has shape ", at::IntArrayRef(shape), ", not [channels, channels, 1, 1, 1]");
  return shape[1];
}

WeightTable wan_vae_weights(const WanVaeConfig& config, at::ScalarType dtype) {
  Rows rows(dtype);
  add_encoder(rows, config);
  add_decoder(rows, config);
  return std::move(rows).table();
}

}  // namespace twill::engine
