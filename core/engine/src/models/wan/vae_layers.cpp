// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "vae_layers.h"

#include "twill/plan/error.h"
#include "vae_ops.h"

namespace twill::engine {
namespace {

// x: [frames, h, w, in]; weight: [out, in, rows, cols]. Returns [frames, h', w', out].
at::Tensor conv2d_last(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                       std::int64_t stride, std::int64_t padding) {
  return at::conv2d(x.permute({0, 3, 1, 2}), weight, bias, stride, padding)
      .permute({0, 2, 3, 1})
      .contiguous();
}

// Puts the frames in front that the layer has seen last; zeros, as many as `count`, at its start.
// Keeps the last ones.
at::Tensor with_history(const at::Tensor& x, at::Tensor& history, std::int64_t count) {
  const at::Tensor before = history.defined()
                                ? history
                                : at::zeros({count, x.size(1), x.size(2), x.size(3)}, x.options());
  const at::Tensor all = at::cat({before, x});
  history = all.narrow(0, all.size(0) - count, count).clone();
  return all;
}

}  // namespace

at::Tensor VaeLoader::load_gamma(const std::string& name) const { return load(name).flatten(); }

PointConv::PointConv(const VaeLoader& loader, const std::string& name)
    : weight(loader.load(name + ".weight").flatten(1)), bias(loader.load(name + ".bias")) {}

CausalConv::CausalConv(const VaeLoader& loader, const std::string& name)
    : weight(loader.load(name + ".weight")
                 .permute({0, 2, 1, 3, 4})
                 .flatten(1, 2)
                 .contiguous(at::MemoryFormat::ChannelsLast)),
      bias(loader.load(name + ".bias")) {}

at::Tensor CausalConv::on_taps(const at::Tensor& taps) const {
  return conv2d_last(taps, weight, bias, 1, 1);
}

at::Tensor CausalConv::operator()(const at::Tensor& x, ClipState& state) const {
  return on_taps(make_taps(x, state.next_history()));
}

NormConv::NormConv(const VaeLoader& loader, const std::string& norm, const std::string& conv_name)
    : gamma(loader.load_gamma(norm + ".gamma")), conv(loader, conv_name) {}

at::Tensor NormConv::operator()(const at::Tensor& x, ClipState& state) const {
  return conv.on_taps(norm_silu_taps(x, gamma, state.next_history(), state.taps()));
}

ResidualBlock::ResidualBlock(const VaeLoader& loader, const std::string& name)
    : first(loader, name + ".residual.0", name + ".residual.2"),
      second(loader, name + ".residual.3", name + ".residual.6") {
  if (loader.reader.has(name + ".shortcut.weight")) {
    shortcut.emplace(loader, name + ".shortcut");
  }
}

at::Tensor ResidualBlock::operator()(const at::Tensor& x, ClipState& state) const {
  state.check_stop();
  at::Tensor y = second(first(x, state), state);
  return y.add_(shortcut ? (*shortcut)(x) : x);
}

FrameAttention::FrameAttention(const VaeLoader& loader, const std::string& name)
    : gamma(loader.load_gamma(name + ".norm.gamma")),
      qkv(loader, name + ".to_qkv"),
      out(loader, name + ".proj") {}

at::Tensor FrameAttention::operator()(const at::Tensor& x) const {
  const std::int64_t channels = x.size(3);
  const at::Tensor mixed =
      qkv(channel_norm(x, gamma)).view({x.size(0), 1, x.size(1) * x.size(2), 3 * channels});
  const at::Tensor seen = at::scaled_dot_product_attention(mixed.narrow(3, 0, channels),
                                                           mixed.narrow(3, channels, channels),
                                                           mixed.narrow(3, 2 * channels, channels));
  return out(seen.reshape(x.sizes())) + x;
}

Middle::Middle(const VaeLoader& loader, const std::string& name)
    : before(loader, name + ".0"), attention(loader, name + ".1"), after(loader, name + ".2") {}

at::Tensor Middle::operator()(const at::Tensor& x, ClipState& state) const {
  return after(attention(before(x, state)), state);
}

TimeConv::TimeConv(const VaeLoader& loader, const std::string& name)
    : bias(loader.load(name + ".bias")) {
  const at::Tensor weight = loader.load(name + ".weight").flatten(2);
  for (std::int64_t tap = 0; tap < 3; ++tap) {
    taps.push_back(weight.select(2, tap).t().contiguous());
  }
}

at::Tensor TimeConv::operator()(const at::Tensor& frames, std::int64_t stride) const {
  const std::int64_t outputs = (frames.size(0) - 3) / stride + 1;
  at::Tensor sum;
  for (std::int64_t tap = 0; tap < 3; ++tap) {
    const at::Tensor rows = frames.slice(0, tap, tap + (outputs - 1) * stride + 1, stride)
                                .reshape({-1, frames.size(3)});
    const at::Tensor& weight = taps[static_cast<std::size_t>(tap)];
    if (tap == 0) {
      sum = at::addmm(bias, rows, weight);
    } else {
      sum.addmm_(rows, weight);
    }
  }
  return sum.view({outputs, frames.size(1), frames.size(2), -1});
}

// A 3 x 3 convolution of an image whose every pixel was doubled sees each original pixel once or
// twice: for each of the four places in a doubled pixel it is a 2 x 2 convolution of the original
// with summed weights, at less than half the cost and without the doubled image. Along one axis the
// even place sees (w0, w1 + w2) at (i - 1, i) and the odd one (w0 + w1, w2) at (i, i + 1).
Upsample::Upsample(const VaeLoader& loader, const std::string& name) {
  const at::Tensor full = loader.load(name + ".resample.1.weight");  // in double
  const auto halves = [](const at::Tensor& w, std::int64_t axis, bool odd) {
    const at::Tensor middle = w.narrow(axis, 1, 1);
    const at::Tensor low = w.narrow(axis, 0, 1);
    const at::Tensor high = w.narrow(axis, 2, 1);
    return odd ? at::cat({low + middle, high}, axis) : at::cat({low, middle + high}, axis);
  };
  std::vector<at::Tensor> places;
  for (const bool odd_row : {false, true}) {
    for (const bool odd_col : {false, true}) {
      places.push_back(halves(halves(full, 2, odd_row), 3, odd_col));
    }
  }
  weight = at::cat(places).to(loader.dtype).contiguous(at::MemoryFormat::ChannelsLast);
  bias = loader.load(name + ".resample.1.bias").repeat({4});
  if (loader.reader.has(name + ".time_conv.weight")) {
    time.emplace(loader, name + ".time_conv");
  }
}

at::Tensor Upsample::operator()(const at::Tensor& x, ClipState& state) const {
  at::Tensor y = x;
  if (time) {
    at::Tensor& history = state.next_history();
    const std::int64_t alone = state.at_start() ? 1 : 0;
    const at::Tensor rest = x.narrow(0, alone, x.size(0) - alone);
    if (rest.size(0) > 0) {
      // The first frame is no history for the others. The doubled channels are a pair of frames.
      const at::Tensor doubled = (*time)(with_history(rest, history, 2), 1)
                                     .view({rest.size(0), x.size(1), x.size(2), 2, x.size(3)})
                                     .permute({0, 3, 1, 2, 4})
                                     .reshape({2 * rest.size(0), x.size(1), x.size(2), x.size(3)});
      y = state.at_start() ? at::cat({x.narrow(0, 0, 1), doubled}) : doubled;
    }
  }
  const std::int64_t rows = y.size(1);
  const std::int64_t cols = y.size(2);
  const at::Tensor places =
      conv2d_last(y, weight, bias, 1, 1);  // [frames, rows + 1, cols + 1, 4 * out]
  const std::int64_t out = places.size(3) / 4;
  at::Tensor image = at::empty({y.size(0), rows, 2, cols, 2, out}, y.options());
  for (std::int64_t place = 0; place < 4; ++place) {
    const std::int64_t odd_row = place / 2;
    const std::int64_t odd_col = place % 2;
    image.select(4, odd_col)
        .select(2, odd_row)
        .copy_(
            places.narrow(1, odd_row, rows).narrow(2, odd_col, cols).narrow(3, place * out, out));
  }
  return image.view({y.size(0), 2 * rows, 2 * cols, out});
}

Downsample::Downsample(const VaeLoader& loader, const std::string& name)
    : weight(loader.load(name + ".resample.1.weight").contiguous(at::MemoryFormat::ChannelsLast)),
      bias(loader.load(name + ".resample.1.bias")) {
  if (loader.reader.has(name + ".time_conv.weight")) {
    time.emplace(loader, name + ".time_conv");
  }
}

at::Tensor Downsample::operator()(const at::Tensor& x, ClipState& state) const {
  const at::Tensor small =
      conv2d_last(at::constant_pad_nd(x, {0, 0, 0, 1, 0, 1}), weight, bias, 2, 0);
  if (!time) {
    return small;
  }
  at::Tensor& history = state.next_history();
  if (state.at_start() && small.size(0) == 1) {
    history = small.clone();  // what follows may add to `small` in place
    return small;
  }
  // Each output sees the last frame before its pair and the pair; at the start that is the first
  // frame itself.
  const at::Tensor all = state.at_start() ? small : at::cat({history, small});
  history = all.narrow(0, all.size(0) - 1, 1).clone();
  const at::Tensor halved = (*time)(all, 2);
  return state.at_start() ? at::cat({small.narrow(0, 0, 1), halved}) : halved;
}

}  // namespace twill::engine
