// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/profile.h"
#include "twill/plan/whole_files.h"

namespace py = pybind11;

namespace twill::python {
namespace {

const char* mode_name(kernels::HeadMode mode) {
  switch (mode) {
    case kernels::HeadMode::kDense:
      return "dense";
    case kernels::HeadMode::kSparse:
      return "sparse";
    case kernels::HeadMode::kSkip:
      return "skip";
    case kernels::HeadMode::kMean:
      return "mean";
  }
  return "unknown";
}

// With a profile of its own, which Python may add costs to.
std::shared_ptr<Plan> deep_copy(const Plan& plan) {
  auto copy = std::make_shared<Plan>(plan);
  if (plan.profile) {
    copy->profile = std::make_shared<const Profile>(*plan.profile);
  }
  return copy;
}

// A copy that Python owns: the tables are small and the plan may go first.
template <typename T>
py::array_t<T> copy_to_array(const T* values, std::size_t count) {
  py::array_t<T> array(static_cast<py::ssize_t>(count));
  std::copy_n(values, count, array.mutable_data());
  return array;
}

py::tuple tile_list_arrays(const CompiledPlan& compiled, std::size_t index) {
  const auto lists = compiled.lists();
  require(index < lists.size(), ErrorCode::kUsage, "tile list ", index,
          " is not one of the plan's ", lists.size());
  return arrays_of(lists[index]);
}

std::vector<TaskTuple> task_list(const CompiledPlan& compiled, std::int32_t segment,
                                 std::int32_t expert, std::int32_t stack, std::int32_t layer) {
  return task_tuples(compiled.tasks(segment, expert, stack, layer));
}

}  // namespace

py::tuple arrays_of(const kernels::TileListView& list) {
  py::array_t<std::int32_t> runs(
      {static_cast<py::ssize_t>(list.runs.size()), static_cast<py::ssize_t>(2)});
  auto cells = runs.mutable_unchecked<2>();
  for (std::size_t i = 0; i < list.runs.size(); ++i) {
    cells(static_cast<py::ssize_t>(i), 0) = list.runs[i].first;
    cells(static_cast<py::ssize_t>(i), 1) = list.runs[i].count;
  }
  py::object order = py::none();
  if (!list.position_to_token.empty()) {
    order = copy_to_array(list.position_to_token.data(), list.position_to_token.size());
  }
  return py::make_tuple(runs, copy_to_array(list.run_begin.data(), list.run_begin.size()), order);
}

std::vector<TaskTuple> task_tuples(std::span<const kernels::HeadTask> tasks) {
  std::vector<TaskTuple> tuples;
  for (const kernels::HeadTask& task : tasks) {
    tuples.emplace_back(mode_name(task.mode), task.list);
  }
  return tuples;
}

TokenLayout read_layout(const LayoutTuple& values) {
  const TokenLayout layout{values[0], values[1], values[2], values[3], values[4]};
  check_layout(layout);
  return layout;
}

void bind_plan(py::module_& module) {
  std::vector<std::string> names;
  names.reserve(kPatternNames.size());
  for (const auto& [kind, name] : kPatternNames) {
    names.emplace_back(name);
  }
  module.attr("PATTERN_NAMES") = py::tuple(py::cast(names));
  py::list precisions;
  for (const auto& [precision, name] : kPrecisionNames) {
    precisions.append(name);
  }
  module.attr("PRECISION_NAMES") = py::tuple(precisions);
  module.attr("QUERY_TILE") = kernels::kQueryTile;
  module.attr("KEY_TILE") = kernels::kKeyTile;

  module.def(
      "write_file",
      [](const std::filesystem::path& file, const py::bytes& content) {
        const std::string_view bytes = content;
        const py::gil_scoped_release release;
        write_file(file, bytes);
      },
      py::arg("file"), py::arg("content"), "Whole or not at all; see twill/plan/whole_files.h.");

  py::class_<Plan, std::shared_ptr<Plan>>(module, "Plan",
                                          "A checked plan; made from its JSON text.")
      .def(py::init([](const std::string& text, const std::string& file_name) {
             return std::make_shared<Plan>(parse_plan(text, file_name));
           }),
           py::arg("text"), py::arg("file_name"))
      .def("to_json", &plan_to_json, "The plan as JSON text, as a file would hold it.")
      .def(
          "write",
          [](const Plan& plan, const std::filesystem::path& file) { write_plan(file, plan); },
          py::arg("file"))
      .def("segment_at", &segment_at, py::arg("t"))
      .def_property_readonly(
          "profile",
          [](const Plan& plan) { return std::const_pointer_cast<Profile>(plan.profile); },
          "The profile that the plan was solved from, or None.")
      .def("__copy__", [](const Plan& plan) { return std::make_shared<Plan>(plan); })
      .def("__deepcopy__", [](const Plan& plan, const py::dict&) { return deep_copy(plan); })
      .def(py::pickle([](const Plan& plan) { return py::bytes(plan_to_json(plan)); },
                      [](const py::bytes& json) {
                        return std::make_shared<Plan>(parse_plan(std::string_view(json), "plan"));
                      }));

  py::class_<CompiledPlan, std::shared_ptr<CompiledPlan>>(
      module, "CompiledPlan", "A plan's tile lists at one token layout.")
      .def(py::init([](const Plan& plan, const LayoutTuple& layout, int threads) {
             const TokenLayout checked = read_layout(layout);
             const py::gil_scoped_release release;
             return std::make_shared<CompiledPlan>(plan, checked, threads);
           }),
           py::arg("plan"), py::arg("layout"), py::arg("threads") = 0)
      .def_property_readonly("bytes", &CompiledPlan::bytes)
      .def_property_readonly("segment_count", &CompiledPlan::segment_count)
      .def_property_readonly("list_count",
                             [](const CompiledPlan& compiled) { return compiled.lists().size(); })
      .def("__copy__",
           [](const CompiledPlan& compiled) { return std::make_shared<CompiledPlan>(compiled); })
      .def("__deepcopy__", [](const CompiledPlan& compiled,
                              const py::dict&) { return std::make_shared<CompiledPlan>(compiled); })
      .def("segment_is_dense", &CompiledPlan::segment_is_dense, py::arg("segment"))
      .def("density", &CompiledPlan::density, py::arg("segment"), py::arg("expert") = 0)
      .def(
          "run_density",
          [](const CompiledPlan& compiled, const Plan& plan, const std::vector<double>& t,
             const std::vector<std::int32_t>& expert_at) {
            return run_density(compiled, plan, t, expert_at);
          },
          py::arg("plan"), py::arg("t"), py::arg("expert_at") = std::vector<std::int32_t>{})
      .def("tasks", &task_list, py::arg("segment"), py::arg("expert"), py::arg("stack"),
           py::arg("layer"),
           "[(mode, list)] of one layer's heads; list is -1 unless the mode is sparse.")
      .def("tile_list", &tile_list_arrays, py::arg("index"),
           "(runs [runs, 2], run_begin [query_tiles + 1], position_to_token [tokens] or None)");
}

}  // namespace twill::python
