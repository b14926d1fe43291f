// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "fp8_product.h"

#include <ATen/ATen.h>

#include <optional>
#include <vector>

#include "cuda/quantise.h"
#include "fp8_scale.h"
#include "twill/engine/device.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/engine/stored_numbers.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

constexpr std::int64_t kWhole = 16;  // rows and columns that cuBLASLt takes at a time

struct Rows {
  at::Tensor values;  // [rows, columns] e4m3
  at::Tensor scales;  // [rows, 1] fp32
};

// x: [rows, columns], contiguous.
Rows to_rows(const at::Tensor& x) {
  const std::optional<kernels::Dtype> dtype = kernel_dtype(x.scalar_type());
  if (x.is_cuda() && dtype && cuda::takes_fp8_rows(x.size(1))) {
    Rows rows{at::empty(x.sizes(), x.options().dtype(at::kFloat8_e4m3fn)),
              at::empty({x.size(0), 1}, x.options().dtype(at::kFloat))};
    const kernels::Status status =
        cuda::to_fp8({.x = x.const_data_ptr(),
                      .rows = x.size(0),
                      .columns = x.size(1),
                      .dtype = *dtype,
                      .values = static_cast<std::uint8_t*>(rows.values.mutable_data_ptr()),
                      .scales = rows.scales.mutable_data_ptr<float>()},
                     current_stream(x.device()));
    require(status.ok, ErrorCode::kSystem, status.reason);
    return rows;
  }
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor scales = wide.abs().amax(1, true).clamp_min(kLeastOfRow) / kGreatestE4m3;
  return {(wide / scales).clamp(-kGreatestE4m3, kGreatestE4m3).to(at::kFloat8_e4m3fn), scales};
}

at::Tensor scales_of(const KeptMatrix& weight) {
  const auto fp32 = weight.values.options().dtype(at::kFloat);
  return weight.scaled ? weight.scale.expand({weight.rows}).contiguous()
                       : at::ones({weight.rows}, fp32);
}

}  // namespace

KeptMatrix as_fp8(const at::Tensor& weight) {
  const Rows rows = to_rows(weight.contiguous());
  return {.numbers = StoredNumbers::kE4m3,
          .rows = weight.size(0),
          .columns = weight.size(1),
          .values = rows.values.view(at::kByte).view({-1}),
          .scaled = true,
          .scale = rows.scales.view({-1})};
}

bool takes_fp8(const KeptMatrix& weight) {
  return weight.numbers == StoredNumbers::kE4m3 && weight.added.empty() &&
         weight.rows % kWhole == 0 && weight.columns % kWhole == 0;
}

at::Tensor fp8_linear(const at::Tensor& x, const KeptMatrix& weight, const at::Tensor& bias) {
  const Rows rows = to_rows(x.reshape({-1, weight.columns}).contiguous());
  const at::Tensor numbers =
      weight.values.view(at::kFloat8_e4m3fn).view({weight.rows, weight.columns});
  const at::Tensor scales = scales_of(weight);
  at::Tensor out;
  if (x.is_cuda()) {
    out = at::_scaled_mm(rows.values, numbers.t(), rows.scales, scales.view({1, -1}), bias, {},
                         bias.scalar_type(), /*use_fast_accum=*/false);
  } else {
    const at::Tensor sums = at::matmul(rows.values.to(at::kFloat), numbers.to(at::kFloat).t());
    out = (sums * rows.scales * scales + bias).to(bias.scalar_type());
  }
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes.back() = weight.rows;
  return out.view(sizes);
}

}  // namespace twill::engine
