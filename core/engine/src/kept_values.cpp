// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kept_values.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "block_values.h"
#include "cuda/dequantise.h"
#include "twill/engine/device.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

at::Tensor fp8_values(const KeptMatrix& matrix) {
  const bool e4m3 = matrix.numbers == StoredNumbers::kE4m3;
  const at::Tensor numbers =
      matrix.values.view(e4m3 ? at::kFloat8_e4m3fn : at::kFloat8_e5m2).to(at::kFloat);
  const at::Tensor shaped = numbers.view({matrix.rows, matrix.columns});
  return matrix.scaled ? shaped * matrix.scale.view({-1, 1}) : shaped;
}

bool write_by_kernel(const KeptMatrix& matrix, const at::Tensor& to) {
  if (!to.is_cuda()) {
    return false;
  }
  const cuda::StoredRows rows{
      .from = matrix.values.const_data_ptr(),
      .numbers = matrix.numbers,
      .scale = matrix.scaled ? matrix.scale.const_data_ptr<float>() : nullptr,
      .scale_by_row = matrix.scaled && matrix.scale.numel() > 1,
      .rows = matrix.rows,
      .columns = matrix.columns,
      .out = to.mutable_data_ptr(),
      .dtype = *kernel_dtype(to.scalar_type())};
  if (!cuda::takes_stored(rows)) {
    return false;
  }
  const kernels::Status status = cuda::dequantise(rows, current_stream(to.device()));
  require(status.ok, ErrorCode::kSystem, status.reason);
  return true;
}

// to: [rows, columns], contiguous.
void write_stored(const KeptMatrix& matrix, const at::Tensor& to) {
  if (write_by_kernel(matrix, to)) {
    return;
  }
  const GgmlType* const blocks = ggml_type(matrix.numbers);
  if (blocks == nullptr) {
    to.copy_(fp8_values(matrix));
    return;
  }
  if (to.is_cpu()) {
    write_blocks(*blocks, matrix.values.const_data_ptr<std::uint8_t>(), to);
    return;
  }
  at::Tensor values = at::empty(to.sizes(), to.options().device(at::kCPU));
  write_blocks(*blocks, matrix.values.cpu().const_data_ptr<std::uint8_t>(), values);
  to.copy_(values);
}

void write(const KeptMatrix& matrix, const at::Tensor& to) {
  if (matrix.is_plain()) {
    to.copy_(matrix.values);
    return;
  }
  if (matrix.added.empty()) {
    write_stored(matrix, to);
    return;
  }
  at::Tensor sum =
      to.scalar_type() == at::kFloat ? to : at::empty(to.sizes(), to.options().dtype(at::kFloat));
  write_stored(matrix, sum);
  for (const LowRank& each : matrix.added) {
    sum.addmm_(each.up.to(at::kFloat), each.down.to(at::kFloat), 1.0, each.factor);
  }
  if (!sum.is_same(to)) {
    to.copy_(sum);
  }
}

}  // namespace

at::Tensor values_of(const std::vector<KeptMatrix>& matrices, at::ScalarType dtype) {
  const KeptMatrix& first = matrices.front();
  if (matrices.size() == 1 && first.is_plain()) {
    return first.values;
  }
  std::int64_t rows = 0;
  for (const KeptMatrix& matrix : matrices) {
    rows += matrix.rows;
  }
  at::Tensor values = at::empty({rows, first.columns}, first.values.options().dtype(dtype));
  std::int64_t begin = 0;
  for (const KeptMatrix& matrix : matrices) {
    write(matrix, values.narrow(0, begin, matrix.rows));
    begin += matrix.rows;
  }
  return values;
}

std::vector<KeptMatrix> joined(std::vector<KeptMatrix> matrices) {
  const StoredNumbers numbers = matrices.front().numbers;
  const bool in_rows = numbers == StoredNumbers::kPlain || numbers == StoredNumbers::kE4m3 ||
                       numbers == StoredNumbers::kE5m2;
  const auto alike = [&](const KeptMatrix& matrix) {
    return matrix.numbers == numbers && matrix.added.empty();
  };
  if (!in_rows || !std::ranges::all_of(matrices, alike)) {
    return matrices;
  }
  KeptMatrix all{.numbers = numbers,
                 .columns = matrices.front().columns,
                 .scaled = std::ranges::any_of(matrices, &KeptMatrix::scaled)};
  std::vector<at::Tensor> values, scales;
  for (const KeptMatrix& matrix : matrices) {
    all.rows += matrix.rows;
    values.push_back(matrix.values);
    if (all.scaled) {
      const auto fp32 = matrix.values.options().dtype(at::kFloat);
      scales.push_back(matrix.scaled ? matrix.scale.expand({matrix.rows})
                                     : at::ones({matrix.rows}, fp32));
    }
  }
  all.values = at::cat(values);
  if (all.scaled) {
    all.scale = at::cat(scales);
  }
  return {std::move(all)};
}

}  // namespace twill::engine
