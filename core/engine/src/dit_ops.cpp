// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "dit_ops.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
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

constexpr double kRopeTheta = 10000.0;
constexpr std::int64_t kGrainElements = 1 << 15;

std::int64_t grain_rows(std::int64_t dim) {
  return std::max<std::int64_t>(1, kGrainElements / dim);
}

template <typename Out>
struct NormRows {
  const float* x;
  const float* multiply;
  const float* add;
  Out* out;
  std::int64_t dim;
};

template <typename Out>
TWILL_INLINE void norm_rows_body(const NormRows<Out>& p, std::int64_t begin, std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) {
    const float* const x = p.x + row * p.dim;
    Out* const out = p.out + row * p.dim;
    const float mean = sum_of(x, p.dim) / static_cast<float>(p.dim);
    const float variance = sum_of_squares(x, p.dim, mean) / static_cast<float>(p.dim);
    const float scale = 1.0f / std::sqrt(variance + static_cast<float>(kDitEpsilon));
    for (std::int64_t i = 0; i < p.dim; ++i) {
      out[i] = static_cast<Out>((x[i] - mean) * scale * p.multiply[i] + p.add[i]);
    }
  }
}
TWILL_DISPATCH(template <typename Out>, norm_rows,
               (const NormRows<Out>& p, std::int64_t begin, std::int64_t end), (p, begin, end))

template <typename Scalar>
struct RopeRows {
  Scalar* x;
  std::int64_t row_stride;
  const float* weight;
  const float* cos;  // null: no rotation
  const float* sin;
  std::int64_t dim;
  std::int64_t head_dim;
  float* scratch;  // [dim]
};

template <typename Scalar>
TWILL_INLINE void rope_rows_body(const RopeRows<Scalar>& p, std::int64_t begin, std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) {
    Scalar* const x = p.x + row * p.row_stride;
    const float mean_square = sum_of_squares(x, p.dim, 0.0f) / static_cast<float>(p.dim);
    const float scale = 1.0f / std::sqrt(mean_square + static_cast<float>(kDitEpsilon));
    for (std::int64_t i = 0; i < p.dim; ++i) {
      p.scratch[i] = static_cast<float>(x[i]) * scale * p.weight[i];
    }
    if (p.cos == nullptr) {
      for (std::int64_t i = 0; i < p.dim; ++i) {
        x[i] = static_cast<Scalar>(p.scratch[i]);
      }
      continue;
    }
    const std::int64_t half = p.head_dim / 2;
    const float* const cos = p.cos + row * half;
    const float* const sin = p.sin + row * half;
    for (std::int64_t head = 0; head < p.dim; head += p.head_dim) {
      for (std::int64_t i = 0; i < half; ++i) {
        const float even = p.scratch[head + 2 * i];
        const float odd = p.scratch[head + 2 * i + 1];
        x[head + 2 * i] = static_cast<Scalar>(even * cos[i] - odd * sin[i]);
        x[head + 2 * i + 1] = static_cast<Scalar>(even * sin[i] + odd * cos[i]);
      }
    }
  }
}
TWILL_DISPATCH(template <typename Scalar>, rope_rows,
               (const RopeRows<Scalar>& p, std::int64_t begin, std::int64_t end), (p, begin, end))

template <typename Scalar>
struct GatedRows {
  float* x;
  const Scalar* y;
  const float* gate;
  std::int64_t dim;
};

template <typename Scalar>
TWILL_INLINE void gated_rows_body(const GatedRows<Scalar>& p, std::int64_t begin,
                                  std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) {
    float* const x = p.x + row * p.dim;
    const Scalar* const y = p.y + row * p.dim;
    for (std::int64_t i = 0; i < p.dim; ++i) {
      x[i] += static_cast<float>(y[i]) * p.gate[i];
    }
  }
}
TWILL_DISPATCH(template <typename Scalar>, gated_rows,
               (const GatedRows<Scalar>& p, std::int64_t begin, std::int64_t end), (p, begin, end))

template <typename Scalar>
TWILL_INLINE void gelu_range_body(Scalar* x, std::int64_t begin, std::int64_t end) {
  std::int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) {
    Lanes value;
    load_lanes(x + i, value);
    gelu_lanes(value);
    store_lanes(value, x + i);
  }
  for (; i < end; ++i) {
    Lanes value = {};
    value[0] = static_cast<float>(x[i]);
    gelu_lanes(value);
    x[i] = static_cast<Scalar>(value[0]);
  }
}
TWILL_DISPATCH(template <typename Scalar>, gelu_range,
               (Scalar * x, std::int64_t begin, std::int64_t end), (x, begin, end))

// Rows of whole 16 bytes on a CUDA device, which the kernels there take.
bool suits_cuda(const at::Tensor& x) {
  return x.is_cuda() && cuda::takes_rows(x.size(-1)) && kernel_dtype(x.scalar_type()) &&
         x.stride(-1) == 1 && x.stride(-2) % 8 == 0 &&
         reinterpret_cast<std::uintptr_t>(x.const_data_ptr()) % 16 == 0;
}

void check_launch(const kernels::Status& status) {
  require(status.ok, ErrorCode::kSystem, status.reason);
}

// Between the rows of a table [rows, dim] that may be one for all.
std::int64_t stride_of(const at::Tensor& table) { return table.size(0) == 1 ? 0 : table.stride(0); }

}  // namespace

RopeTable make_rope_table(std::int64_t frames, std::int64_t rows, std::int64_t cols,
                          std::int64_t head_dim, at::Device device) {
  // Cosines by libm: one bit of ATen's, which come from MKL (vector_math.h), made another clip of
  // the same seed in 13 of 120 processes.
  const std::int64_t side = head_dim / 6 * 2;
  const std::int64_t half = head_dim / 2;
  const std::array<std::int64_t, 3> width{(head_dim - 2 * side) / 2, side / 2, side / 2};
  const std::array<std::int64_t, 3> size{frames, rows, cols};
  std::array<std::vector<float>, 3> cosines, sines;  // [place][i]
  for (std::size_t axis = 0; axis < size.size(); ++axis) {
    for (std::int64_t place = 0; place < size[axis]; ++place) {
      for (std::int64_t i = 0; i < width[axis]; ++i) {
        const double exponent = static_cast<double>(i) / static_cast<double>(width[axis]);
        const double angle = static_cast<double>(place) / std::pow(kRopeTheta, exponent);
        cosines[axis].push_back(static_cast<float>(std::cos(angle)));
        sines[axis].push_back(static_cast<float>(std::sin(angle)));
      }
    }
  }
  RopeTable table{at::empty({frames * rows * cols, half}, at::kFloat),
                  at::empty({frames * rows * cols, half}, at::kFloat)};
  float* cos = table.cos.mutable_data_ptr<float>();
  float* sin = table.sin.mutable_data_ptr<float>();
  for (std::int64_t token = 0; token < frames * rows * cols; ++token) {
    const std::array<std::int64_t, 3> place{token / (rows * cols), token / cols % rows,
                                            token % cols};
    for (std::size_t axis = 0; axis < place.size(); ++axis) {
      cos = std::copy_n(cosines[axis].data() + place[axis] * width[axis], width[axis], cos);
      sin = std::copy_n(sines[axis].data() + place[axis] * width[axis], width[axis], sin);
    }
  }
  return {table.cos.to(device), table.sin.to(device)};
}

at::Tensor layer_norm_affine(const at::Tensor& x, const at::Tensor& multiply, const at::Tensor& add,
                             at::ScalarType dtype) {
  const std::int64_t dim = x.size(-1);
  if (x.is_contiguous() && suits_cuda(x) && suits_cuda(multiply) && suits_cuda(add)) {
    at::Tensor out = at::empty(x.sizes(), x.options().dtype(dtype));
    check_launch(cuda::layer_norm_affine({.x = x.const_data_ptr<float>(),
                                          .multiply = multiply.const_data_ptr<float>(),
                                          .add = add.const_data_ptr<float>(),
                                          .multiply_stride = stride_of(multiply),
                                          .add_stride = stride_of(add),
                                          .rows_of_group = x.size(1),
                                          .rows = x.size(0) * x.size(1),
                                          .dim = dim,
                                          .epsilon = static_cast<float>(kDitEpsilon),
                                          .out = out.mutable_data_ptr(),
                                          .dtype = *kernel_dtype(dtype)},
                                         current_stream(x.device())));
    return out;
  }
  if (!x.is_cpu()) {
    return (at::layer_norm(x, {dim}, {}, {}, kDitEpsilon) * multiply.unsqueeze(1) +
            add.unsqueeze(1))
        .to(dtype);
  }
  TWILL_ASSERT(x.is_contiguous() && x.scalar_type() == at::kFloat);
  const at::Tensor scale = multiply.contiguous();
  const at::Tensor shift = add.contiguous();
  at::Tensor out = at::empty(x.sizes(), x.options().dtype(dtype));
  with_scalar(dtype, [&](auto tag) {
    using Out = decltype(tag);
    for (std::int64_t b = 0; b < x.size(0); ++b) {
      const std::int64_t table = scale.size(0) == 1 ? 0 : b * dim;
      const std::int64_t start = b * x.size(1) * dim;
      const NormRows<Out> rows{
          x.const_data_ptr<float>() + start, scale.const_data_ptr<float>() + table,
          shift.const_data_ptr<float>() + table, out.mutable_data_ptr<Out>() + start, dim};
      at::parallel_for(0, x.size(1), grain_rows(dim),
                       [&](std::int64_t begin, std::int64_t end) { norm_rows(rows, begin, end); });
    }
  });
  return out;
}

void rms_norm_rope_(at::Tensor& x, const at::Tensor& weight, const RopeTable* rope) {
  const std::int64_t dim = x.size(-1);
  const std::int64_t head_dim = rope == nullptr ? dim : 2 * rope->cos.size(-1);
  // Rows of a batch stand one behind the other.
  const bool in_a_row = x.size(0) == 1 || x.stride(0) == x.size(1) * x.stride(1);
  if (in_a_row && suits_cuda(x) && head_dim % 8 == 0) {
    check_launch(
        cuda::rms_norm_rope({.x = x.mutable_data_ptr(),
                             .row_stride = x.stride(1),
                             .weight = weight.const_data_ptr<float>(),
                             .cos = rope == nullptr ? nullptr : rope->cos.const_data_ptr<float>(),
                             .sin = rope == nullptr ? nullptr : rope->sin.const_data_ptr<float>(),
                             .tokens = x.size(1),
                             .rows = x.size(0) * x.size(1),
                             .dim = dim,
                             .head_dim = head_dim,
                             .epsilon = static_cast<float>(kDitEpsilon),
                             .dtype = *kernel_dtype(x.scalar_type())},
                            current_stream(x.device())));
    return;
  }
  if (!x.is_cpu()) {
    const at::Tensor wide = x.to(at::kFloat);
    at::Tensor normed = wide * at::rsqrt(wide.square().mean(-1, true) + kDitEpsilon) * weight;
    if (rope != nullptr) {
      const std::int64_t half = rope->cos.size(-1);
      const at::Tensor pairs = normed.view({x.size(0), x.size(1), -1, half, 2});
      const at::Tensor cos = rope->cos.view({1, -1, 1, half});
      const at::Tensor sin = rope->sin.view({1, -1, 1, half});
      const at::Tensor even = pairs.select(-1, 0);
      const at::Tensor odd = pairs.select(-1, 1);
      normed = at::stack({even * cos - odd * sin, even * sin + odd * cos}, -1).view(x.sizes());
    }
    x.copy_(normed);
    return;
  }
  TWILL_ASSERT(x.stride(-1) == 1 && (rope == nullptr || rope->cos.size(0) == x.size(1)));
  with_scalar(x.scalar_type(), [&](auto tag) {
    using Scalar = decltype(tag);
    for (std::int64_t b = 0; b < x.size(0); ++b) {
      at::parallel_for(0, x.size(1), grain_rows(dim), [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> scratch(static_cast<std::size_t>(dim));
        rope_rows(RopeRows<Scalar>{x.mutable_data_ptr<Scalar>() + b * x.stride(0), x.stride(1),
                                   weight.const_data_ptr<float>(),
                                   rope == nullptr ? nullptr : rope->cos.const_data_ptr<float>(),
                                   rope == nullptr ? nullptr : rope->sin.const_data_ptr<float>(),
                                   dim, head_dim, scratch.data()},
                  begin, end);
      });
    }
  });
}

void add_gated_(at::Tensor& x, const at::Tensor& y, const at::Tensor& gate) {
  if (x.is_contiguous() && y.is_contiguous() && suits_cuda(x) && suits_cuda(y) &&
      suits_cuda(gate)) {
    check_launch(cuda::add_gated({.x = x.mutable_data_ptr<float>(),
                                  .y = y.const_data_ptr(),
                                  .gate = gate.const_data_ptr<float>(),
                                  .gate_stride = stride_of(gate),
                                  .rows_of_group = x.size(1),
                                  .rows = x.size(0) * x.size(1),
                                  .dim = x.size(-1),
                                  .dtype = *kernel_dtype(y.scalar_type())},
                                 current_stream(x.device())));
    return;
  }
  if (!x.is_cpu()) {
    x.addcmul_(y.to(at::kFloat), gate.unsqueeze(1));
    return;
  }
  const std::int64_t dim = x.size(-1);
  const at::Tensor added = y.contiguous();
  const at::Tensor scale = gate.contiguous();
  with_scalar(added.scalar_type(), [&](auto tag) {
    using Scalar = decltype(tag);
    for (std::int64_t b = 0; b < x.size(0); ++b) {
      const std::int64_t start = b * x.size(1) * dim;
      const GatedRows<Scalar> rows{x.mutable_data_ptr<float>() + start,
                                   added.const_data_ptr<Scalar>() + start,
                                   scale.const_data_ptr<float>() + b * dim, dim};
      at::parallel_for(0, x.size(1), grain_rows(dim),
                       [&](std::int64_t begin, std::int64_t end) { gated_rows(rows, begin, end); });
    }
  });
}

void gelu_tanh_(at::Tensor& x) {
  if (!x.is_cpu() || !x.is_contiguous()) {
    at::gelu_(x, "tanh");
    return;
  }
  with_scalar(x.scalar_type(), [&](auto tag) {
    using Scalar = decltype(tag);
    Scalar* const data = x.mutable_data_ptr<Scalar>();
    at::parallel_for(0, x.numel(), kGrainElements,
                     [&](std::int64_t begin, std::int64_t end) { gelu_range(data, begin, end); });
  });
}

at::Tensor linear_gelu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (x.is_cuda()) {
    // cuBLASLt's product with a GELU of this form, before the only rounding.
    return at::_addmm_activation(bias, x.flatten(0, 1), weight.t(), 1, 1, /*use_gelu=*/true)
        .view({x.size(0), x.size(1), -1});
  }
  at::Tensor hidden = at::linear(x, weight, bias);
  gelu_tanh_(hidden);
  return hidden;
}

}  // namespace twill::engine
