// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tensor_argument.h"

#include <limits>

#include "twill/kernels/dtype_names.h"
#include "twill/plan/error.h"

namespace twill::python {
namespace {

std::int32_t read_size(const char* name, const char* axis, std::int64_t size) {
  require(size >= 1 && size <= std::numeric_limits<std::int32_t>::max(), ErrorCode::kUsage, name,
          ": ", axis, " ", size, " is not one of 1..", std::numeric_limits<std::int32_t>::max());
  return static_cast<std::int32_t>(size);
}

}  // namespace

kernels::Dtype read_dtype(const char* name, const std::string& dtype) {
  std::string known;
  for (const auto& [value, text] : kernels::kDtypeNames) {
    if (text == dtype) {
      return value;
    }
    known += concat(known.empty() ? "" : ", ", text);
  }
  throw Error(ErrorCode::kUsage, concat(name, ": dtype ", dtype, " is not one of ", known));
}

TensorArgument read_tensor(const char* name, const TensorTuple& tensor) {
  const auto& [pointer, shape, strides, dtype] = tensor;
  TensorArgument argument;
  argument.dtype = read_dtype(name, dtype);
  argument.batch = read_size(name, "batch", shape[0]);
  argument.heads = read_size(name, "heads", shape[1]);
  argument.tokens = read_size(name, "tokens", shape[2]);
  argument.head_dim = read_size(name, "head_dim", shape[3]);
  require(pointer != 0, ErrorCode::kUsage, name, ": the data pointer is null");
  require(strides[3] == 1 || shape[3] == 1, ErrorCode::kUsage, name, ": head_dim has stride ",
          strides[3], ", it must be contiguous");
  argument.data = reinterpret_cast<void*>(pointer);  // NOLINT(performance-no-int-to-ptr)
  argument.strides = {strides[0], strides[1], strides[2]};
  return argument;
}

kernels::AttentionTensors tensors_of(const AttentionArguments& arguments, float scale) {
  const TensorArgument& q = arguments.q;
  return {.q = q.data,
          .k = arguments.k.data,
          .v = arguments.v.data,
          .q_strides = q.strides,
          .k_strides = arguments.k.strides,
          .v_strides = arguments.v.strides,
          .batch = q.batch,
          .heads = q.heads,
          .tokens = q.tokens,
          .head_dim = q.head_dim,
          .dtype = q.dtype,
          .scale = scale};
}

void require_same_shape(const char* first_name, const TensorArgument& first, const char* other_name,
                        const TensorArgument& other) {
  require(first.batch == other.batch && first.heads == other.heads &&
              first.tokens == other.tokens && first.head_dim == other.head_dim,
          ErrorCode::kUsage, other_name, ": shape [", other.batch, ", ", other.heads, ", ",
          other.tokens, ", ", other.head_dim, "] is not that of ", first_name, ", [", first.batch,
          ", ", first.heads, ", ", first.tokens, ", ", first.head_dim, "]");
  require(first.dtype == other.dtype, ErrorCode::kUsage, other_name, ": dtype is not that of ",
          first_name);
}

AttentionArguments read_attention(const TensorTuple& q, const TensorTuple& k) {
  AttentionArguments read{.q = read_tensor("q", q), .k = read_tensor("k", k), .v = {}, .out = {}};
  require_same_shape("q", read.q, "k", read.k);
  return read;
}

AttentionArguments read_attention(const TensorTuple& q, const TensorTuple& k,
                                  const TensorTuple& v) {
  AttentionArguments read = read_attention(q, k);
  read.v = read_tensor("v", v);
  require_same_shape("q", read.q, "v", read.v);
  return read;
}

AttentionArguments read_attention(const TensorTuple& q, const TensorTuple& k, const TensorTuple& v,
                                  const TensorTuple& out) {
  AttentionArguments read = read_attention(q, k, v);
  read.out = read_tensor("out", out);
  require_same_shape("q", read.q, "out", read.out);
  return read;
}

void require_ok(const kernels::Status& status) {
  if (!status) {
    throw Error(ErrorCode::kUnsupported, status.reason);
  }
}

}  // namespace twill::python
