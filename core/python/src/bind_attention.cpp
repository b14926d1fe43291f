// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <pybind11/numpy.h>

#include "bindings.h"
#include "tensor_argument.h"
#include "twill/kernels/attention.h"
#include "twill/kernels/profiling.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"

namespace py = pybind11;

namespace twill::python {
namespace {

void run_attention(const CompiledPlan& compiled, std::int32_t segment, std::int32_t expert,
                   std::int32_t stack, std::int32_t layer, const TensorTuple& q_tuple,
                   const TensorTuple& k_tuple, const TensorTuple& v_tuple,
                   const TensorTuple& out_tuple, float scale, std::int32_t threads) {
  const AttentionArguments tensors = read_attention(q_tuple, k_tuple, v_tuple, out_tuple);
  const TensorArgument& q = tensors.q;
  require(q.tokens == compiled.layout().tokens(), ErrorCode::kUsage, "q: ", q.tokens,
          " tokens, but the plan was compiled for ", compiled.layout().tokens());

  kernels::AttentionParams params{.tensors = tensors_of(tensors, scale),
                                  .out = tensors.out.data,
                                  .out_strides = tensors.out.strides};
  params.tasks = compiled.tasks(segment, expert, stack, layer);
  params.lists = compiled.lists();
  params.threads = threads;
  require(params.tasks.size() == static_cast<std::size_t>(q.heads), ErrorCode::kModel,
          "q: ", q.heads, " heads, but the plan has ", params.tasks.size(), " in stack ", stack,
          ", layer ", layer);
  require(q.head_dim == compiled.model().head_dim, ErrorCode::kModel, "q: head_dim ", q.head_dim,
          ", but the plan is for ", compiled.model().head_dim);
  require_ok(kernels::can_run_attention_cpu(params));
  kernels::Status status;
  {
    const py::gil_scoped_release release;
    status = kernels::run_attention_cpu(params);
  }
  require_ok(status);
}

py::array_t<float> attention_map(const TensorTuple& q_tuple, const TensorTuple& k_tuple,
                                 float scale, std::int32_t size, std::int32_t query_stride,
                                 std::int32_t threads) {
  const AttentionArguments tensors = read_attention(q_tuple, k_tuple);
  const TensorArgument& q = tensors.q;
  require(size >= 1 && size <= q.tokens, ErrorCode::kUsage, "size: ", size, " is not one of 1..",
          q.tokens);
  require(query_stride >= 1, ErrorCode::kUsage, "query_stride: ", query_stride, " is not positive");
  py::array_t<float> map({q.batch, q.heads, size, size});
  const kernels::AttentionMapParams params{.tensors = tensors_of(tensors, scale),
                                           .size = size,
                                           .query_stride = query_stride,
                                           .map = map.mutable_data()};
  kernels::Status status;
  {
    const py::gil_scoped_release release;
    status = kernels::attention_map_cpu(params, threads);
  }
  require_ok(status);
  return map;
}

}  // namespace

void bind_attention(py::module_& module) {
  module.def("run_attention", &run_attention, py::arg("compiled"), py::arg("segment"),
             py::arg("expert"), py::arg("stack"), py::arg("layer"), py::arg("q"), py::arg("k"),
             py::arg("v"), py::arg("out"), py::arg("scale"), py::arg("threads") = 0,
             "Attention of one layer by the plan's tile lists, on the CPU. Tensors: (pointer, "
             "shape, strides, dtype).");
  module.def(
      "attention_map", &attention_map, py::arg("q"), py::arg("k"), py::arg("scale"),
      py::arg("size"), py::arg("query_stride") = 1, py::arg("threads") = 0,
      "Block-averaged attention map [batch, heads, size, size] of fp32; each row sums to 1.");
}

}  // namespace twill::python
