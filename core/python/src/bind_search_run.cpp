// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "bindings.h"
#include "search_arguments.h"
#include "twill/plan/error.h"
#include "twill/search/search_run.h"

namespace py = pybind11;

namespace twill::python {
namespace {

using TargetTuple = std::tuple<std::string, double, std::int32_t>;  // wish, value, most tries

std::unique_ptr<search::SearchRun> make_search_run(
    const std::string& family, const std::vector<std::string>& experts,
    const std::vector<StackTuple>& stacks, std::int32_t head_dim,
    const std::optional<LayoutTuple>& layout, const RunTuple& run,
    const std::optional<RunTuple>& maps_run, std::optional<double> expert_boundary,
    const std::vector<std::string>& prompts, const std::vector<std::uint64_t>& seeds,
    std::int32_t points, std::optional<std::int32_t> map_size, bool whole_clips,
    const std::string& policy, const std::string& budget, double share, std::int32_t max_segments,
    std::optional<std::int32_t> dense_first_steps, std::optional<std::int32_t> dense_last_steps,
    std::int32_t dense_first_layers, const std::optional<std::array<std::int32_t, 3>>& grid,
    const std::string& name, const std::optional<TargetTuple>& target, std::int32_t probes,
    bool sparse_trajectory, const std::map<std::string, std::string>& provenance,
    const std::string& clip_key, const std::string& device, const std::filesystem::path& work,
    std::int32_t threads, bool int8, std::optional<double> int8_error_share) {
  search::SearchRequest request;
  request.int8 = int8;
  request.model = read_model(family, experts, stacks, head_dim);
  if (layout) {
    request.layout = read_layout(*layout);
  }
  request.run = read_run(run);
  request.stripes = maps_run.has_value();
  if (maps_run) {
    request.maps_run = read_run(*maps_run);
  }
  request.expert_boundary = expert_boundary;
  request.prompts = prompts;
  request.seeds = seeds;
  request.points = points;
  request.map_size = map_size;
  request.whole_clips = whole_clips;
  request.solve = {.policy = named(search::kPolicyNames, "policy", policy),
                   .budget_kind = named(search::kBudgetNames, "budget", budget),
                   .budget = share,
                   .segments = max_segments,
                   .dense_first_steps = dense_first_steps,
                   .dense_last_steps = dense_last_steps,
                   .dense_first_layers = dense_first_layers,
                   .int8_error_share = int8_error_share,
                   .grid = grid,
                   .name = name};
  if (target) {
    const auto& [wish, value, most_tries] = *target;
    request.target = search::SearchTarget{
        .wish = named(search::kWishNames, "wish", wish), .value = value, .most_tries = most_tries};
  }
  request.probes = probes;
  request.sparse_trajectory = sparse_trajectory;
  request.provenance = provenance;
  request.clip_key = clip_key;
  request.device = device;
  request.work = work;
  request.threads = threads;
  return std::make_unique<search::SearchRun>(std::move(request));
}

// Python changes nothing of what the search goes on with.
std::shared_ptr<Plan> copy_of(const std::shared_ptr<const Plan>& plan) {
  return plan ? std::make_shared<Plan>(*plan) : nullptr;
}

// A tuple of the kind of work and what it holds, in the order of its fields.
struct AsTuple {
  py::tuple operator()(const search::ClipWork& work) const {
    constexpr std::array<const char*, 3> kPurposes{"maps", "profile", "trajectory"};
    std::vector<std::pair<std::int32_t, std::int32_t>> shown;
    for (const search::ShownStep& each : work.shown) {
      shown.emplace_back(each.step, each.t_index);
    }
    return py::make_tuple("clip", kPurposes.at(static_cast<std::size_t>(work.purpose)), work.prompt,
                          work.seed, work.t, shown, copy_of(work.plan));
  }
  py::tuple operator()(const search::CostWork& work) const {
    return py::make_tuple("costs", std::make_shared<Profile>(*work.profile));
  }
  py::tuple operator()(const search::QualityWork& work) const {
    const bool probe = work.purpose == search::QualityWork::Purpose::kProbe;
    return py::make_tuple("quality", probe ? "probe" : "try", work.number, work.of, work.prompt,
                          work.seed, copy_of(work.plan));
  }
  py::tuple operator()(const search::SecondsWork& work) const {
    return py::make_tuple("seconds", work.number, work.of, copy_of(work.plan));
  }
};

std::optional<py::tuple> next_work(search::SearchRun& run) {
  std::optional<search::SearchWork> work;
  {
    const py::gil_scoped_release release;
    work = run.next();
  }
  return work ? std::optional(std::visit(AsTuple(), *work)) : std::nullopt;
}

std::tuple<std::shared_ptr<Plan>, double, double, double> result_of(
    const search::SearchRun& run, const std::map<std::string, std::string>& told) {
  search::SolveResult result;
  {
    const py::gil_scoped_release release;
    result = run.result(told);
  }
  return {std::make_shared<Plan>(std::move(result.plan)), result.density, result.attention_share,
          result.predicted_error};
}

}  // namespace

void bind_search_run(py::module_& module) {
  py::class_<search::SearchRun>(module, "SearchRun",
                                "A search that says what is to be done next, until it has a plan.")
      .def(py::init(&make_search_run), py::arg("family"), py::arg("experts"), py::arg("stacks"),
           py::arg("head_dim"), py::arg("layout"), py::arg("run"), py::arg("maps_run"),
           py::arg("expert_boundary"), py::arg("prompts"), py::arg("seeds"), py::arg("points"),
           py::arg("map_size"), py::arg("whole_clips"), py::arg("policy"), py::arg("budget"),
           py::arg("share"), py::arg("max_segments"), py::arg("dense_first_steps"),
           py::arg("dense_last_steps"), py::arg("dense_first_layers"), py::arg("grid"),
           py::arg("name"), py::arg("target"), py::arg("probes"), py::arg("sparse_trajectory"),
           py::arg("provenance"), py::arg("clip_key"), py::arg("device"), py::arg("work"),
           py::arg("threads"), py::arg("int8"), py::arg("int8_error_share"))
      .def("next", &next_work)
      .def(
          "profiler",
          [](search::SearchRun& run, const LayoutTuple& layout) {
            return run.profiler(read_layout(layout));
          },
          py::arg("layout"))
      .def("finish_unit", &search::SearchRun::finish_unit, py::arg("t_index"), py::arg("seconds"))
      .def("clip_made", &search::SearchRun::clip_made)
      .def(
          "costs_measured",
          [](search::SearchRun& run, const std::string& device, const std::string& kernel,
             std::vector<double> milliseconds) {
            run.costs_measured({.device = device,
                                .kernel = kernel,
                                .layout = {},
                                .milliseconds = std::move(milliseconds)});
          },
          py::arg("device"), py::arg("kernel"), py::arg("milliseconds"))
      .def("quality_measured", &search::SearchRun::quality_measured, py::arg("psnr_db"))
      .def("seconds_measured", &search::SearchRun::seconds_measured, py::arg("seconds"))
      .def_property_readonly("tries",
                             [](const search::SearchRun& run) {
                               std::vector<std::tuple<double, double, double, bool>> tries;
                               for (const search::SearchTry& each : run.tries()) {
                                 tries.emplace_back(each.budget, each.density, each.measured,
                                                    each.holds);
                               }
                               return tries;
                             })
      .def_property_readonly("wanted", &search::SearchRun::wanted)
      .def("take_best", &search::SearchRun::take_best)
      .def_property_readonly("seconds", &search::SearchRun::seconds)
      .def_property_readonly("seconds_elsewhere", &search::SearchRun::seconds_elsewhere)
      .def("result", &result_of, py::arg("told"));
  module.def("map_steps", &search::map_steps, py::arg("steps"));
}

}  // namespace twill::python
