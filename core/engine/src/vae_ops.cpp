// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "vae_ops.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "simd.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

constexpr float kSmallestNorm = 1e-12f;  // as torch's normalize has it
// Elements of one frame's share of a pixel block: three of them stay in the first-level cache.
constexpr std::int64_t kBlockElements = 2048;

// e^x to about one unit in the last place for |x| <= 87, clamped beyond: written so that a loop
// over it vectorises.
TWILL_INLINE float exp_of(float x) {
  constexpr float kLog2e = 1.44269504f;
  constexpr float kLn2High =
      0.693145752f;  // the sum is ln 2; products of the first with small integers are exact
  constexpr float kLn2Low = 1.42860677e-6f;
  constexpr float kRound =
      12582912.0f;  // 1.5 * 2^23: adding and taking it away rounds to an integer
  x = std::min(std::max(x, -87.0f), 87.0f);
  const float n = (x * kLog2e + kRound) - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float sum = 1.0f / 5040.0f;
  sum = sum * r + 1.0f / 720.0f;
  sum = sum * r + 1.0f / 120.0f;
  sum = sum * r + 1.0f / 24.0f;
  sum = sum * r + 1.0f / 6.0f;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  return sum * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

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

template <typename Scalar>
TWILL_INLINE void norm_silu(const Scalar* x, const float* gamma, float* out, std::int64_t pixels,
                            std::int64_t channels) {
  const float root = std::sqrt(static_cast<float>(channels));
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    const Scalar* const in = x + pixel * channels;
    float* const to = out + pixel * channels;
    const float scale =
        root / std::max(std::sqrt(sum_of_squares(in, channels, 0.0f)), kSmallestNorm);
    for (std::int64_t c = 0; c < channels; ++c) {
      to[c] = static_cast<float>(in[c]) * scale * gamma[c];
    }
  }
  for (std::int64_t i = 0; i < pixels * channels; ++i) {
    out[i] = out[i] / (1.0f + exp_of(-out[i]));
  }
}

template <typename Scalar>
TWILL_INLINE void convert(const float* from, Scalar* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    to[i] = static_cast<Scalar>(from[i]);
  }
}

// Pixels [begin, end) through all frames, so that every output is written once and whole.
template <typename Scalar>
TWILL_INLINE void norm_taps_body(const NormTaps<Scalar>& p, std::int64_t begin, std::int64_t end) {
  const std::int64_t block = std::max<std::int64_t>(1, kBlockElements / p.channels);
  const std::int64_t frame = p.pixels * p.channels;
  std::vector<float> normed(static_cast<std::size_t>(block * p.channels));
  std::vector<Scalar> ring(static_cast<std::size_t>(3 * block * p.channels));
  for (std::int64_t first = begin; first < end; first += block) {
    const std::int64_t pixels = std::min(block, end - first);
    const std::int64_t count = pixels * p.channels;
    const std::int64_t offset = first * p.channels;
    Scalar* tap[3] = {ring.data(), ring.data() + block * p.channels,
                      ring.data() + 2 * block * p.channels};
    std::copy_n(p.history + offset, count, tap[0]);
    std::copy_n(p.history + frame + offset, count, tap[1]);
    for (std::int64_t f = 0; f < p.frames; ++f) {
      norm_silu(p.x + f * frame + offset, p.gamma, normed.data(), pixels, p.channels);
      convert(normed.data(), tap[2], count);
      Scalar* out = p.out + 3 * (f * frame + offset);
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        for (const Scalar* const from : tap) {
          std::copy_n(from + pixel * p.channels, p.channels, out);
          out += p.channels;
        }
      }
      std::rotate(tap, tap + 1, tap + 3);
    }
    std::copy_n(tap[0], count, p.history + offset);
    std::copy_n(tap[1], count, p.history + frame + offset);
  }
}
TWILL_DISPATCH(template <typename Scalar>, norm_taps,
               (const NormTaps<Scalar>& p, std::int64_t begin, std::int64_t end), (p, begin, end))

template <typename Scalar>
at::Tensor norm_silu_taps_cpu(const at::Tensor& x, const at::Tensor& gamma, at::Tensor& history) {
  const std::int64_t channels = x.size(3);
  at::Tensor out = at::empty({x.size(0), x.size(1), x.size(2), 3 * channels}, x.options());
  const NormTaps<Scalar> taps{x.const_data_ptr<Scalar>(),
                              gamma.const_data_ptr<float>(),
                              history.mutable_data_ptr<Scalar>(),
                              out.mutable_data_ptr<Scalar>(),
                              x.size(0),
                              x.size(1) * x.size(2),
                              channels};
  at::parallel_for(0, taps.pixels, std::max<std::int64_t>(1, kBlockElements / channels),
                   [&](std::int64_t begin, std::int64_t end) { norm_taps(taps, begin, end); });
  return out;
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

at::Tensor norm_silu_taps(const at::Tensor& x, const at::Tensor& gamma, at::Tensor& history) {
  if (!x.is_cpu()) {
    return make_taps(at::silu(channel_norm(x, gamma)), history);
  }
  if (!history.defined()) {
    history = zero_history(x);
  }
  const at::Tensor dense = x.contiguous();
  if (x.scalar_type() == at::kBFloat16) {
    return norm_silu_taps_cpu<at::BFloat16>(dense, gamma, history);
  }
  TWILL_ASSERT(x.scalar_type() == at::kFloat);
  return norm_silu_taps_cpu<float>(dense, gamma, history);
}

}  // namespace twill::engine
