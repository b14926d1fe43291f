// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The CUDA kernels. Device memory arrives as addresses and the stream as an integer; whoever calls
// allocates all of it, so that one binary serves every version of torch.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "bindings.h"
#include "tensor_argument.h"
#include "twill/kernels/cuda_attention.h"
#include "twill/kernels/cuda_profiling.h"
#include "twill/plan/compile.h"
#include "twill/plan/cuda_tables.h"
#include "twill/plan/error.h"
#include "twill/plan/names.h"

namespace py = pybind11;

namespace twill::python {
namespace {

using IntArray = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;
using ListTuple = std::tuple<IntArray, IntArray, std::optional<IntArray>>;
using Address = std::uintptr_t;

constexpr std::array<std::pair<std::string_view, kernels::HeadMode>, 4> kModeNames{{
    {"dense", kernels::HeadMode::kDense},
    {"sparse", kernels::HeadMode::kSparse},
    {"skip", kernels::HeadMode::kSkip},
    {"mean", kernels::HeadMode::kMean},
}};

kernels::Precision read_precision(const std::string& named) {
  const std::optional<Precision> precision = value_named(kPrecisionNames, named);
  require(precision.has_value(), ErrorCode::kUsage, "precision ", named, " is not one of ",
          all_names(kPrecisionNames));
  return *precision;
}

kernels::CudaCall read_call(std::int32_t head_dim, const std::string& dtype, float scale,
                            const std::string& precision) {
  return {.head_dim = head_dim,
          .dtype = read_dtype("q", dtype),
          .scale = scale,
          .precision = read_precision(precision)};
}

template <typename T>
T* pointer_of(Address address) {
  return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr)
}

kernels::HeadTask read_task(const TaskTuple& task) {
  for (const auto& [name, mode] : kModeNames) {
    if (name == task.first) {
      return {.mode = mode, .list = task.second};
    }
  }
  throw Error(ErrorCode::kUsage,
              concat("mode ", task.first, " is not one of dense, sparse, skip, mean"));
}

// (mode, list), or with the precision.
using TaskArgument = std::variant<TaskTuple, std::tuple<std::string, std::int32_t, std::string>>;
kernels::HeadTask read_task_argument(const TaskArgument& argument) {
  if (const auto* task = std::get_if<TaskTuple>(&argument)) {
    return read_task(*task);
  }
  const auto& [mode, list, precision] = std::get<1>(argument);
  kernels::HeadTask task = read_task({mode, list});
  task.precision = read_precision(precision);
  return task;
}

std::span<const std::int32_t> span_of(const IntArray& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

kernels::TileListView view_of(const ListTuple& list) {
  const auto& [runs, run_begin, positions] = list;
  return {.runs = {reinterpret_cast<const kernels::KeyRun*>(runs.data()),
                   static_cast<std::size_t>(runs.size()) / 2},
          .run_begin = span_of(run_begin),
          .position_to_token = positions ? span_of(*positions) : std::span<const std::int32_t>()};
}

using CudaTablesPointer = std::shared_ptr<CudaTables>;

// tasks[variant][layer][head]
CudaTablesPointer tables_of_lists(
    std::int32_t tokens, const std::vector<ListTuple>& lists,
    const std::vector<std::vector<std::vector<TaskArgument>>>& variants) {
  std::vector<kernels::TileListView> views;
  std::transform(lists.begin(), lists.end(), std::back_inserter(views), view_of);
  std::vector<std::vector<kernels::HeadTask>> storage;
  for (const auto& layers : variants) {
    require(layers.size() == variants.front().size(), ErrorCode::kUsage, "tasks: variants have ",
            layers.size(), " and ", variants.front().size(), " layers");
    for (const auto& heads : layers) {
      auto& tasks = storage.emplace_back();
      std::transform(heads.begin(), heads.end(), std::back_inserter(tasks), read_task_argument);
    }
  }
  const std::vector<std::span<const kernels::HeadTask>> tasks(storage.begin(), storage.end());
  auto tables = std::make_shared<CudaTables>();
  tables->segments = static_cast<std::int32_t>(variants.size());
  tables->first_layer = {0,
                         variants.empty() ? 0 : static_cast<std::int32_t>(variants.front().size())};
  require_ok(kernels::make_cuda_plan(
      {.tokens = tokens,
       .lists = views,
       .variants = static_cast<std::int32_t>(variants.size()),
       .layers = variants.empty() ? 0 : static_cast<std::int32_t>(variants.front().size()),
       .tasks = tasks},
      &tables->plan));
  return tables;
}

void set_variant(const CudaTables& tables, Address image, std::int32_t variant, Address stream) {
  require_ok(kernels::set_cuda_plan_variant(tables.plan, pointer_of<std::int32_t>(image), variant,
                                            pointer_of<void>(stream)));
}

IntArray image_of(const CudaTables& tables) {
  IntArray array(static_cast<py::ssize_t>(tables.plan.image.size()));
  std::copy(tables.plan.image.begin(), tables.plan.image.end(), array.mutable_data());
  return array;
}

kernels::CudaAttentionParams call_of(const CudaTables& tables, Address image, std::int32_t layer,
                                     const AttentionArguments& tensors, float scale) {
  kernels::CudaAttentionParams call{.tensors = tensors_of(tensors, scale),
                                    .out = tensors.out.data,
                                    .out_strides = tensors.out.strides};
  call.plan = &tables.plan;
  call.device_image = pointer_of<std::int32_t>(image);
  call.layer = layer;
  return call;
}

std::size_t workspace_bytes(const CudaTables& tables, Address image, std::int32_t layer,
                            const TensorTuple& q, float scale) {
  return kernels::cuda_workspace_bytes(
      call_of(tables, image, layer, read_attention(q, q, q, q), scale));
}

void run(const CudaTables& tables, Address image, std::int32_t layer, const TensorTuple& q,
         const TensorTuple& k, const TensorTuple& v, const TensorTuple& out, float scale,
         Address workspace, std::size_t bytes, Address stream, Address lse, std::int32_t variant,
         const std::string& kernel) {
  kernels::CudaAttentionParams call =
      call_of(tables, image, layer, read_attention(q, k, v, out), scale);
  call.variant = variant;
  call.workspace = pointer_of<void>(workspace);
  call.workspace_bytes = bytes;
  call.stream = pointer_of<void>(stream);
  call.lse = pointer_of<float>(lse);
  call.kernel = kernel;
  require_ok(kernels::run_attention_cuda(call));
}

// The whole of a head-error call: (bytes of workspace) without one, else it runs.
std::size_t head_errors(const CudaTables& tables, Address image, const TensorTuple& q_tuple,
                        const TensorTuple& k_tuple, const TensorTuple& v_tuple, float scale,
                        const std::vector<TaskTuple>& candidates, const IntArray& rows,
                        Address device_rows, Address error, Address norm, Address workspace,
                        std::size_t bytes, Address stream) {
  std::vector<kernels::HeadTask> tasks;
  std::transform(candidates.begin(), candidates.end(), std::back_inserter(tasks), read_task);
  kernels::CudaHeadErrorParams call{
      .tensors = tensors_of(read_attention(q_tuple, k_tuple, v_tuple), scale),
      .rows = span_of(rows),
      .candidates = tasks,
      .error = pointer_of<double>(error),
      .norm = pointer_of<double>(norm)};
  call.plan = &tables.plan;
  call.device_image = pointer_of<std::int32_t>(image);
  call.device_rows = pointer_of<std::int32_t>(device_rows);
  call.workspace = pointer_of<void>(workspace);
  call.workspace_bytes = bytes;
  call.stream = pointer_of<void>(stream);
  if (workspace != 0) {
    require_ok(kernels::sampled_head_errors_cuda(call));
  }
  return kernels::cuda_head_error_bytes(call);
}

void draw_map(const TensorTuple& q_tuple, const TensorTuple& k_tuple, float scale,
              std::int32_t size, std::int32_t query_stride, Address map, Address stream) {
  const kernels::AttentionMapParams params{
      .tensors = tensors_of(read_attention(q_tuple, k_tuple), scale),
      .size = size,
      .query_stride = query_stride,
      .map = pointer_of<float>(map)};
  require_ok(kernels::attention_map_cuda(params, pointer_of<void>(stream)));
}

}  // namespace

void bind_cuda(py::module_& module) {
  py::class_<CudaTables, CudaTablesPointer>(module, "CudaTables",
                                            "The tables of the CUDA kernels on the host.")
      .def_static(
          "of_plan",
          [](const CompiledPlan& compiled, bool takes_int8) {
            return std::make_shared<CudaTables>(make_cuda_tables(compiled, takes_int8));
          },
          py::arg("compiled"), py::arg("takes_int8") = true,
          "takes_int8: else heads in INT8 become bf16.")
      .def_static("of_lists", &tables_of_lists, py::arg("tokens"), py::arg("lists"),
                  py::arg("tasks"),
                  "lists: (runs [runs, 2], run_begin, position_to_token or None); "
                  "tasks[variant][layer][head]: (mode, list) or (mode, list, precision)")
      .def("image", &image_of, "int32 words, to be copied to the device.")
      .def("layer", &CudaTables::layer, py::arg("stack"), py::arg("layer"))
      .def("variant", &CudaTables::variant, py::arg("segment"), py::arg("expert"))
      .def("set_variant", &set_variant, py::arg("image"), py::arg("variant"), py::arg("stream"))
      .def("workspace_bytes", &workspace_bytes, py::arg("image"), py::arg("layer"), py::arg("q"),
           py::arg("scale"))
      .def("run", &run, py::arg("image"), py::arg("layer"), py::arg("q"), py::arg("k"),
           py::arg("v"), py::arg("out"), py::arg("scale"), py::arg("workspace"),
           py::arg("workspace_bytes"), py::arg("stream"), py::arg("lse") = 0,
           py::arg("variant") = -1, py::arg("kernel") = "",
           "variant -1: the one that set_variant wrote; else this one, in captured graphs too. "
           "kernel: by name; empty: the best that takes the call.")
      .def("head_errors", &head_errors, py::arg("image"), py::arg("q"), py::arg("k"), py::arg("v"),
           py::arg("scale"), py::arg("candidates"), py::arg("rows"), py::arg("device_rows"),
           py::arg("error"), py::arg("norm"), py::arg("workspace"), py::arg("workspace_bytes"),
           py::arg("stream"), "Bytes of workspace that it needs; with a workspace it runs.");
  module.def("cuda_attention_map", &draw_map, py::arg("q"), py::arg("k"), py::arg("scale"),
             py::arg("size"), py::arg("query_stride"), py::arg("map"), py::arg("stream"));
  module.def(
      "why_no_cuda",
      [](std::int32_t head_dim, const std::string& dtype, float scale,
         const std::string& precision) {
        return kernels::why_no_cuda_kernel(read_call(head_dim, dtype, scale, precision)).reason;
      },
      py::arg("head_dim"), py::arg("dtype"), py::arg("scale"), py::arg("precision") = "bf16",
      "Empty when this build and the current device have a kernel for such tensors.");
  module.def(
      "cuda_kernel_of",
      [](std::int32_t head_dim, const std::string& dtype, float scale,
         const std::string& precision) {
        return kernels::cuda_kernel_of(read_call(head_dim, dtype, scale, precision));
      },
      py::arg("head_dim"), py::arg("dtype"), py::arg("scale"), py::arg("precision") = "bf16",
      "Name and version of the kernel that runs such tensors on the current device.");
}

}  // namespace twill::python
