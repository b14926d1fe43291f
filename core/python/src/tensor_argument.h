// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A tensor as Python hands it over: (data pointer, shape, strides in elements, dtype name). No
// tensor library is needed to read it, so one binary serves every version of torch. Whoever calls
// keeps the memory alive for the time of the call.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <string>
#include <tuple>

#include "twill/kernels/attention_tensors.h"
#include "twill/kernels/status.h"

namespace twill::python {

using TensorTuple = std::tuple<std::uintptr_t, std::array<std::int64_t, 4>,
                               std::array<std::int64_t, 4>, std::string>;

// [batch, heads, tokens, head_dim], head_dim contiguous.
struct TensorArgument {
  void* data = nullptr;
  std::int32_t batch = 0;
  std::int32_t heads = 0;
  std::int32_t tokens = 0;
  std::int32_t head_dim = 0;
  kernels::Strides strides;
  kernels::Dtype dtype = kernels::Dtype::kF32;
};

// Of kernels::kDtypeNames; throws Error(kUsage) naming the tensor.
kernels::Dtype read_dtype(const char* name, const std::string& dtype);
// Throws Error(kUsage) naming the tensor when its dtype, a size or the stride of head_dim does not
// do.
TensorArgument read_tensor(const char* name, const TensorTuple& tensor);
// As many tensors as named, all of one shape and dtype; throws Error(kUsage) naming the odd one.
struct AttentionArguments {
  TensorArgument q, k, v, out;
};
AttentionArguments read_attention(const TensorTuple& q, const TensorTuple& k);
AttentionArguments read_attention(const TensorTuple& q, const TensorTuple& k, const TensorTuple& v);
AttentionArguments read_attention(const TensorTuple& q, const TensorTuple& k, const TensorTuple& v,
                                  const TensorTuple& out);
// q, k and, where it was named, v.
kernels::AttentionTensors tensors_of(const AttentionArguments& arguments, float scale);

// Throws Error(kUsage) when the shape or dtype of `other` is not that of `first`.
void require_same_shape(const char* first_name, const TensorArgument& first, const char* other_name,
                        const TensorArgument& other);
// Throws Error(kUnsupported) with the kernel's reason.
void require_ok(const kernels::Status& status);

}  // namespace twill::python
