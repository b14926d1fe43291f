// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The table of a Wan VAE's weights. Architecture and names:
// https://github.com/Wan-Video/Wan2.1, wan/modules/vae.py.
#include <ATen/ATen.h>

#include "twill/engine/wan_vae.h"
#include "twill/plan/error.h"

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
  void upsample(const std::string& name, std::int64_t channels, bool temporal) {
    conv(name + ".resample.1", channels / 2, channels, {3, 3});
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

void add_encoder(Rows& rows, std::int64_t width) {
  rows.conv("encoder.conv1", width, kColours, {3, 3, 3});
  std::int64_t in = width;
  int index = 0;
  int level = 0;
  const auto name = [&] { return concat("encoder.downsamples.", index++); };
  for (const std::int64_t out : {width, 2 * width, 4 * width, 4 * width}) {
    for (int i = 0; i < 2; ++i, in = out) {
      rows.residual(name(), in, out);
    }
    if (++level < 4) {
      rows.downsample(name(), out, /*temporal=*/level > 1);
    }
  }
  rows.middle("encoder.middle", 4 * width);
  rows.gamma("encoder.head.0", 4 * width, 4);
  rows.conv("encoder.head.2", 2 * kWanVaeChannels, 4 * width, {3, 3, 3});
  rows.conv("conv1", 2 * kWanVaeChannels, 2 * kWanVaeChannels, {1, 1, 1});
}

void add_decoder(Rows& rows, std::int64_t width) {
  rows.conv("conv2", kWanVaeChannels, kWanVaeChannels, {1, 1, 1});
  rows.conv("decoder.conv1", 4 * width, kWanVaeChannels, {3, 3, 3});
  rows.middle("decoder.middle", 4 * width);
  std::int64_t in = 4 * width;
  int index = 0;
  int level = 0;
  const auto name = [&] { return concat("decoder.upsamples.", index++); };
  for (const std::int64_t out : {4 * width, 4 * width, 2 * width, width}) {
    for (int i = 0; i < 3; ++i, in = out) {
      rows.residual(name(), in, out);
    }
    if (++level < 4) {
      rows.upsample(name(), out, /*temporal=*/level < 3);
      in = out / 2;
    }
  }
  rows.gamma("decoder.head.0", width, 4);
  rows.conv("decoder.head.2", kColours, width, {3, 3, 3});
}

}  // namespace

WeightTable wan_vae_weights(std::int64_t width, at::ScalarType dtype) {
  Rows rows(dtype);
  add_encoder(rows, width);
  add_decoder(rows, width);
  return std::move(rows).table();
}

}  // namespace twill::engine
