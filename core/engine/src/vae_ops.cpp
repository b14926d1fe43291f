// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "vae_ops.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cuda/row_kernels.h"
#include "scalar.h"
#include "simd.h"
#include "twill/engine/device.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

constexpr float kSmallestNorm = 1e-12f;  // as torch's normalize has it
// Elements of one frame's share of a pixel block: the outputs of three frames stay in the
// first-level cache.
constexpr std::int64_t kBlockElements = 512;

template <typename Scalar>
struct NormTaps {
  const Scalar* x;     // [frames, pixels, channels]
  const float* gamma;  // [channels]
  Scalar* history;     // [2, pixels, channels]
  Scalar* out;         // [frames, pixels, 3, channels]
  std::int64_t frames;
  std::int64_t pixels;
  std::int64_t channels;
};

// One pixel's channels, normalised and activated, to up to three places.
template <typename Scalar>
TWILL_INLINE void norm_silu_pixel(const Scalar* x, const float* gamma, std::int64_t channels,
                                  Scalar* const* to, int places) {
  const float length = std::sqrt(sum_of_squares(x, channels, 0.0f));
  const float scale = std::sqrt(static_cast<float>(channels)) / std::max(length, kSmallestNorm);
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    Lanes value;
    load_lanes(x + c, value);
    Lanes weight;
    load_lanes(gamma + c, weight);
    value = value * scale * weight;
    silu_lanes(value);
    for (int place = 0; place < places; ++place) {
      store_lanes(value, to[place] + c);
    }
  }
  if (c < channels) {
    Lanes value = {};
    for (std::int64_t i = c; i < channels; ++i) {
      value[i - c] = static_cast<float>(x[i]) * scale * gamma[i];
    }
    silu_lanes(value);
    for (int place = 0; place < places; ++place) {
      for (std::int64_t i = c; i < channels; ++i) {
        to[place][i] = static_cast<Scalar>(value[i - c]);
      }
    }
  }
}

// Pixels [begin, end) block by block through all frames: the three places where a value goes are
// then in the cache.
template <typename Scalar>
TWILL_INLINE void norm_taps_body(const NormTaps<Scalar>& p, std::int64_t begin, std::int64_t end) {
  const std::int64_t block = std::max<std::int64_t>(1, kBlockElements / p.channels);
  const std::int64_t frame = p.pixels * p.channels;
  const auto tap = [&](std::int64_t f, std::int64_t pixel, std::int64_t place) {
    return p.out + 3 * (f * frame + pixel * p.channels) + place * p.channels;
  };
  for (std::int64_t first = begin; first < end; first += block) {
    const std::int64_t last = std::min(end, first + block);
    for (std::int64_t pixel = first; pixel < last; ++pixel) {
      Scalar* const before = p.history + pixel * p.channels;
      std::copy_n(before, p.channels, tap(0, pixel, 0));
      std::copy_n(before + frame, p.channels, tap(0, pixel, 1));
      if (p.frames > 1) {
        std::copy_n(before + frame, p.channels, tap(1, pixel, 0));
      } else {
        std::copy_n(before + frame, p.channels, before);
      }
    }
    for (std::int64_t f = 0; f < p.frames; ++f) {
      const std::int64_t left = p.frames - f;
      for (std::int64_t pixel = first; pixel < last; ++pixel) {
        Scalar* to[3] = {tap(f, pixel, 2), nullptr, nullptr};
        int places = 1;
        if (left > 1) {
          to[places++] = tap(f + 1, pixel, 1);
        }
        // The last two frames become the history.
        to[places++] =
            left > 2 ? tap(f + 2, pixel, 0) : p.history + (2 - left) * frame + pixel * p.channels;
        norm_silu_pixel(p.x + f * frame + pixel * p.channels, p.gamma, p.channels, to, places);
      }
    }
  }
}
TWILL_DISPATCH(template <typename Scalar>, norm_taps,
               (const NormTaps<Scalar>& p, std::int64_t begin, std::int64_t end), (p, begin, end))

template <typename Scalar>
void norm_silu_taps_cpu(const at::Tensor& x, const at::Tensor& gamma, at::Tensor& history,
                        at::Tensor& out) {
  const std::int64_t channels = x.size(3);
  const NormTaps<Scalar> taps{x.const_data_ptr<Scalar>(),
                              gamma.const_data_ptr<float>(),
                              history.mutable_data_ptr<Scalar>(),
                              out.mutable_data_ptr<Scalar>(),
                              x.size(0),
                              x.size(1) * x.size(2),
                              channels};
  at::parallel_for(0, taps.pixels, std::max<std::int64_t>(1, kBlockElements / channels),
                   [&](std::int64_t begin, std::int64_t end) { norm_taps(taps, begin, end); });
}

at::Tensor zero_history(const at::Tensor& x) {
  return at::zeros({2, x.size(1), x.size(2), x.size(3)}, x.options());
}

}  // namespace

at::Tensor make_taps(const at::Tensor& x, at::Tensor& history) {
  const at::Tensor all = at::cat({history.defined() ? history : zero_history(x), x});
  const std::int64_t frames = x.size(0);
  history = all.narrow(0, frames, 2).clone();
  return at::cat({all.narrow(0, 0, frames), all.narrow(0, 1, frames), all.narrow(0, 2, frames)}, 3);
}

at::Tensor channel_norm(const at::Tensor& x, const at::Tensor& gamma) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor norm = wide.square().sum(-1, true).sqrt().clamp_min(kSmallestNorm);
  return (wide / norm * std::sqrt(static_cast<double>(x.size(-1))) * gamma).to(x.scalar_type());
}

at::Tensor norm_silu_taps(const at::Tensor& x, const at::Tensor& gamma, at::Tensor& history,
                          at::Tensor& buffer) {
  const bool on_cuda = x.is_cuda() && cuda::takes_channels(x.size(3));
  if (!x.is_cpu() && !on_cuda) {
    return make_taps(at::silu(channel_norm(x, gamma)), history);
  }
  const std::vector<std::int64_t> sizes{x.size(0), x.size(1), x.size(2), 3 * x.size(3)};
  const at::Tensor dense = x.contiguous();
  if (on_cuda) {
    // Torch gives the same memory again, and in between others may have it.
    const at::Tensor taps = at::empty(sizes, x.options());
    const at::Tensor next = at::empty({2, x.size(1), x.size(2), x.size(3)}, x.options());
    const kernels::Status status =
        cuda::norm_silu_taps({.x = dense.const_data_ptr(),
                              .gamma = gamma.const_data_ptr<float>(),
                              .history = history.defined() ? history.const_data_ptr() : nullptr,
                              .next_history = next.mutable_data_ptr(),
                              .out = taps.mutable_data_ptr(),
                              .frames = x.size(0),
                              .pixels = x.size(1) * x.size(2),
                              .channels = x.size(3),
                              .smallest_norm = kSmallestNorm,
                              .dtype = *kernel_dtype(x.scalar_type())},
                             current_stream(x.device()));
    require(status.ok, ErrorCode::kSystem, status.reason);
    history = next;
    return taps;
  }
  if (!history.defined()) {
    history = zero_history(x);
  }
  if (!buffer.defined() || buffer.numel() < 3 * x.numel()) {
    buffer = at::empty({3 * x.numel()}, x.options());
  }
  at::Tensor out = buffer.narrow(0, 0, 3 * x.numel()).view(sizes);
  with_scalar(x.scalar_type(),
              [&](auto tag) { norm_silu_taps_cpu<decltype(tag)>(dense, gamma, history, out); });
  return out;
}

}  // namespace twill::engine
