// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.h"
#include "search_arguments.h"
#include "tensor_argument.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"
#include "twill/search/adaptive_run.h"
#include "twill/search/budget_finder.h"
#include "twill/search/calibration.h"
#include "twill/search/candidates.h"
#include "twill/search/profiler.h"
#include "twill/search/solver.h"

namespace py = pybind11;

namespace twill::python {
namespace {

std::optional<RunTuple> run_of(const Profile& profile) {
  if (!profile.run) {
    return {};
  }
  const RunFacts& run = *profile.run;
  return RunTuple{run.t,
                  run.expert,
                  run.weight,
                  run.sampler,
                  run.scheduler,
                  run.shift,
                  {run.grid[0], run.grid[1], run.grid[2]},
                  run.steps};
}

using Maps = py::array_t<float, py::array::c_style | py::array::forcecast>;

// maps: [heads, size, size].
std::vector<VerticalStripe> stripes_of(const std::optional<Maps>& maps, const TokenLayout& layout) {
  if (!maps) {
    return {};
  }
  require(maps->ndim() == 3 && maps->shape(1) == maps->shape(2), ErrorCode::kUsage,
          "stripe maps: not [heads, size, size]");
  return search::stripe_candidates({maps->data(), static_cast<std::size_t>(maps->size())},
                                   static_cast<std::int32_t>(maps->shape(0)),
                                   static_cast<std::int32_t>(maps->shape(1)), layout);
}

std::shared_ptr<search::Profiler> make_profiler(
    const std::string& family, const std::vector<std::string>& experts,
    const std::vector<StackTuple>& stacks, std::int32_t head_dim, const LayoutTuple& layout,
    std::int32_t candidates, const std::vector<double>& t, const std::vector<std::string>& prompts,
    const std::vector<std::uint64_t>& seeds, std::int32_t rows, std::int32_t map_size,
    const std::filesystem::path& folder, std::int32_t threads,
    const std::map<std::string, std::string>& provenance, const std::optional<Maps>& stripe_maps,
    const std::optional<RunTuple>& run, std::optional<double> expert_boundary, bool int8) {
  search::ProfilerOptions options;
  options.int8 = int8;
  options.model = read_model(family, experts, stacks, head_dim);
  options.layout = read_layout(layout);
  options.candidates =
      candidates == 0 ? std::vector<Pattern>{dense()}
                      : search::candidate_patterns(
                            options.layout, {.most = candidates,
                                             .stripes = stripes_of(stripe_maps, options.layout)});
  options.t = t;
  options.prompts = prompts;
  options.seeds = seeds;
  options.rows = rows;
  options.map_size = map_size;
  options.folder = folder;
  options.threads = threads;
  options.provenance = provenance;
  if (run) {
    options.run = read_run(*run);
  }
  options.expert_boundary = expert_boundary;
  return std::make_shared<search::Profiler>(std::move(options));
}

void observe(search::Profiler& profiler, std::int32_t t_index, std::int32_t prompt,
             std::int32_t expert, std::int32_t stack, std::int32_t layer, std::int32_t branch,
             const TensorTuple& q_tuple, const TensorTuple& k_tuple, const TensorTuple& v_tuple,
             float scale, const std::vector<double>& gain) {
  const search::AttentionCall call = tensors_of(read_attention(q_tuple, k_tuple, v_tuple), scale);
  const py::gil_scoped_release release;
  profiler.observe({.t_index = t_index,
                    .prompt = prompt,
                    .expert = expert,
                    .stack = stack,
                    .layer = layer,
                    .branch = branch},
                   call, gain);
}

using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;

template <typename Array>
auto span_over(const Array& array) {
  return std::span(array.data(), static_cast<std::size_t>(array.size()));
}

search::CallMeasures measures_of(const Doubles& error, const Doubles& norm, const Maps& map,
                                 const Doubles& int8_error) {
  return {.error = span_over(error),
          .norm = span_over(norm),
          .map = span_over(map),
          .int8_error = span_over(int8_error)};
}

void observe_measures(search::Profiler& profiler, std::int32_t t_index, std::int32_t prompt,
                      std::int32_t expert, std::int32_t stack, std::int32_t layer,
                      std::int32_t branch, const Doubles& error, const Doubles& norm,
                      const Maps& map, const std::vector<double>& gain, const Doubles& int8_error) {
  profiler.observe({.t_index = t_index,
                    .prompt = prompt,
                    .expert = expert,
                    .stack = stack,
                    .layer = layer,
                    .branch = branch},
                   measures_of(error, norm, map, int8_error), gain);
}

// ([(mode, list)], [(runs, run_begin, position_to_token or None)]) of a profiler's candidates.
template <typename Measuring>
py::tuple candidates_of(const Measuring& measuring) {
  py::list lists;
  for (const kernels::TileListView& list : measuring.lists()) {
    lists.append(arrays_of(list));
  }
  return py::make_tuple(task_tuples(measuring.tasks()), lists);
}

search::SolveRequest request_for(const Profile& profile, const std::vector<double>& t,
                                 const std::optional<std::vector<std::int32_t>>& expert_at,
                                 const std::string& budget_kind, std::int32_t max_segments,
                                 std::optional<std::int32_t> dense_first_steps,
                                 std::optional<std::int32_t> dense_last_steps,
                                 const std::string& name, bool attach_profile,
                                 std::optional<double> int8_error_share) {
  search::SolveRequest request;
  request.int8_error_share =
      int8_error_share.value_or(profile.int8_error.empty() ? 0.0 : search::kInt8ErrorShare);
  request.forwards =
      expert_at ? search::forwards_of_run(t, *expert_at) : search::forwards_of_run(profile, t);
  request.weight = search::time_weight_of(profile);
  request.budget_kind = named(search::kBudgetNames, "budget", budget_kind);
  request.max_segments = max_segments;
  request.dense_first_steps = dense_first_steps;
  request.dense_last_steps = dense_last_steps;
  request.name = name;
  request.attach_profile = attach_profile;
  return request;
}

// (the plan, its density over the run, its share of dense attention's time, its predicted error)
std::tuple<std::shared_ptr<Plan>, double, double, double> solve_within(const search::Solver& solver,
                                                                       double budget) {
  search::SolveResult result;
  {
    const py::gil_scoped_release release;
    result = solver.solve(budget);
  }
  return {std::make_shared<Plan>(std::move(result.plan)), result.density, result.attention_share,
          result.predicted_error};
}

// One layer whose heads all have the candidate, to be timed.
std::shared_ptr<Plan> plan_of_candidate(const Profile& profile, std::size_t index) {
  require(index < profile.candidates.size(), ErrorCode::kUsage, "candidate ", index,
          " is not one of ", profile.candidates.size());
  const std::int32_t heads = profile.model.stacks.front().heads;
  auto plan = std::make_shared<Plan>();
  plan->name = concat("candidate ", index);
  plan->model = {.family = profile.model.family,
                 .stacks = {{.name = "blocks", .layers = 1, .heads = heads}},
                 .head_dim = profile.model.head_dim};
  plan->patterns = {profile.candidates[index]};
  plan->segments = {{.heads = {std::vector<HeadPlan>(static_cast<std::size_t>(heads))}}};
  check_plan(*plan);
  return plan;
}

// Throws, and leaves the profile as it was, when there is not one figure above 0 per candidate.
void set_costs(Profile& profile, const std::string& device, const std::string& kernel,
               std::vector<double> milliseconds) {
  CostTable before = std::exchange(profile.cost, {.device = device,
                                                  .kernel = kernel,
                                                  .layout = profile.layout,
                                                  .milliseconds = std::move(milliseconds)});
  try {
    check_profile(profile);
  } catch (const Error&) {
    profile.cost = std::move(before);
    throw;
  }
}

py::array_t<float> mean_maps(const search::Profiler& profiler) {
  const std::int32_t map_size = profiler.options().map_size;
  const std::vector<float> maps = profiler.mean_maps();
  const py::ssize_t heads = static_cast<py::ssize_t>(maps.size()) / map_size / map_size;
  py::array_t<float> array({heads, py::ssize_t{map_size}, py::ssize_t{map_size}});
  std::copy(maps.begin(), maps.end(), array.mutable_data());
  return array;
}

// [experts * heads, map_size, map_size], each row scaled to its maximum; None when there are none.
py::object profile_maps(const Profile& profile) {
  if (profile.map_size == 0 || profile.maps.empty()) {
    return py::none();
  }
  const py::ssize_t size = profile.map_size;
  const py::ssize_t heads = static_cast<py::ssize_t>(profile.maps.size()) / size / size;
  py::array_t<std::uint8_t> array({heads, size, size});
  std::copy(profile.maps.begin(), profile.maps.end(), array.mutable_data());
  return array;
}

std::unique_ptr<search::AdaptiveRun> make_adaptive_run(
    const std::shared_ptr<Profile>& profile, const std::vector<double>& t,
    const std::optional<std::vector<std::int32_t>>& expert_at, double density,
    std::int32_t max_segments, const std::string& name, const LayoutTuple& layout,
    std::int32_t threads, double int8_error_share) {
  search::SolveRequest request =
      request_for(*profile, t, expert_at, "density", max_segments, std::nullopt, std::nullopt, name,
                  false, int8_error_share);
  request.budget = density;
  request.layout = read_layout(layout);
  const py::gil_scoped_release release;
  return std::make_unique<search::AdaptiveRun>(profile, std::move(request), threads);
}

void observe_step(search::AdaptiveRun& run, std::int32_t expert, std::int32_t stack,
                  std::int32_t layer, std::int32_t branch, const TensorTuple& q_tuple,
                  const TensorTuple& k_tuple, const TensorTuple& v_tuple, float scale) {
  const search::AttentionCall call = tensors_of(read_attention(q_tuple, k_tuple, v_tuple), scale);
  const py::gil_scoped_release release;
  run.observe({.expert = expert, .stack = stack, .layer = layer, .branch = branch}, call);
}

void bind_adaptive_run(py::module_& module) {
  py::class_<search::AdaptiveRun>(module, "AdaptiveRun",
                                  "A plan that is fitted to a clip while the clip is made.")
      .def(py::init(&make_adaptive_run), py::arg("profile"), py::arg("t"), py::arg("expert_at"),
           py::arg("density"), py::arg("max_segments"), py::arg("name"), py::arg("layout"),
           py::arg("threads"), py::arg("int8_error_share"))
      .def_property_readonly("step", &search::AdaptiveRun::step)
      .def_property_readonly("measuring", &search::AdaptiveRun::measuring)
      .def_property_readonly("density", &search::AdaptiveRun::density)
      .def("plan",
           [](const search::AdaptiveRun& run) { return std::make_shared<Plan>(*run.plan()); })
      .def("observe", &observe_step, py::arg("expert"), py::arg("stack"), py::arg("layer"),
           py::arg("branch"), py::arg("q"), py::arg("k"), py::arg("v"), py::arg("scale"))
      .def(
          "observe_measures",
          [](search::AdaptiveRun& run, std::int32_t expert, std::int32_t stack, std::int32_t layer,
             std::int32_t branch, const Doubles& error, const Doubles& norm) {
            run.observe({.expert = expert, .stack = stack, .layer = layer, .branch = branch},
                        measures_of(error, norm, Maps(), Doubles()));
          },
          py::arg("expert"), py::arg("stack"), py::arg("layer"), py::arg("branch"),
          py::arg("error"), py::arg("norm"))
      .def("candidates", &candidates_of<search::AdaptiveRun>)
      .def("rows", &search::AdaptiveRun::rows)
      .def("finish_step", &search::AdaptiveRun::finish_step,
           py::call_guard<py::gil_scoped_release>());
}

void bind_budget_finder(py::module_& module) {
  py::class_<search::BudgetFinder>(module, "BudgetFinder", "From a wish for clips to a budget.")
      .def(py::init([](const std::string& wish, double value, double least_budget,
                       std::int32_t most_tries) {
             return search::BudgetFinder(named(search::kWishNames, "wish", wish), value,
                                         least_budget, most_tries);
           }),
           py::arg("wish"), py::arg("value"), py::arg("least_budget"), py::arg("most_tries"))
      .def("next", &search::BudgetFinder::next)
      .def("tell", &search::BudgetFinder::tell, py::arg("measured"))
      .def_property_readonly("wanted", &search::BudgetFinder::wanted)
      .def_property_readonly("best", &search::BudgetFinder::best)
      .def_property_readonly("tries", [](const search::BudgetFinder& finder) {
        std::vector<std::tuple<double, double, bool>> tries;
        for (const search::BudgetTry& each : finder.tries()) {
          tries.emplace_back(each.budget, each.measured, each.holds);
        }
        return tries;
      });
}

}  // namespace

void bind_search(py::module_& module) {
  py::class_<Profile, std::shared_ptr<Profile>>(module, "Profile", "What a search measured.")
      .def(py::init([](const std::filesystem::path& file) {
             return std::make_shared<Profile>(read_profile(file));
           }),
           py::arg("file"))
      .def(
          "write",
          [](const Profile& profile, const std::filesystem::path& file) {
            write_profile(file, profile);
          },
          py::arg("file"))
      .def_property_readonly("candidate_count",
                             [](const Profile& profile) { return profile.candidates.size(); })
      .def_property_readonly("head_dim",
                             [](const Profile& profile) { return profile.model.head_dim; })
      .def_property_readonly("t", [](const Profile& profile) { return profile.t; })
      .def_property_readonly("run", &run_of)
      .def_property_readonly("prompts", [](const Profile& profile) { return profile.prompts; })
      .def_property_readonly("layout",
                             [](const Profile& profile) {
                               const TokenLayout& layout = profile.layout;
                               return std::make_tuple(layout.frames, layout.rows, layout.cols,
                                                      layout.prefix, layout.suffix);
                             })
      .def_property_readonly("costs",
                             [](const Profile& profile) {
                               return std::make_tuple(profile.cost.device, profile.cost.kernel,
                                                      profile.cost.milliseconds);
                             })
      .def("plan_of_candidate", &plan_of_candidate, py::arg("index"))
      .def("set_costs", &set_costs, py::arg("device"), py::arg("kernel"), py::arg("milliseconds"))
      .def_property_readonly("maps", &profile_maps)
      .def_property_readonly("int8_error",
                             [](const Profile& profile) {
                               return py::array_t<float>(
                                   static_cast<py::ssize_t>(profile.int8_error.size()),
                                   profile.int8_error.data());
                             })
      .def("__copy__", [](const Profile& profile) { return std::make_shared<Profile>(profile); })
      .def("__deepcopy__", [](const Profile& profile,
                              const py::dict&) { return std::make_shared<Profile>(profile); })
      .def(py::pickle([](const Profile& profile) { return py::bytes(profile_to_json(profile)); },
                      [](const py::bytes& json) {
                        return std::make_shared<Profile>(
                            parse_profile(std::string_view(json), "profile"));
                      }));

  py::class_<search::Profiler, std::shared_ptr<search::Profiler>>(
      module, "Profiler", "Measures head errors while somebody else runs the model.")
      .def(py::init(&make_profiler), py::arg("family"), py::arg("experts"), py::arg("stacks"),
           py::arg("head_dim"), py::arg("layout"), py::arg("candidates"), py::arg("t"),
           py::arg("prompts"), py::arg("seeds"), py::arg("rows"), py::arg("map_size"),
           py::arg("folder"), py::arg("threads"), py::arg("provenance"),
           py::arg("stripe_maps") = std::nullopt, py::arg("run") = std::nullopt,
           py::arg("expert_boundary") = std::nullopt, py::arg("int8") = false)
      .def("observe", &observe, py::arg("t_index"), py::arg("prompt"), py::arg("expert"),
           py::arg("stack"), py::arg("layer"), py::arg("branch"), py::arg("q"), py::arg("k"),
           py::arg("v"), py::arg("scale"), py::arg("gain"))
      .def("observe_measures", &observe_measures, py::arg("t_index"), py::arg("prompt"),
           py::arg("expert"), py::arg("stack"), py::arg("layer"), py::arg("branch"),
           py::arg("error"), py::arg("norm"), py::arg("map"), py::arg("gain"),
           py::arg("int8_error") = Doubles())
      .def("candidates", &candidates_of<search::Profiler>)
      .def("rows", &search::Profiler::rows, py::arg("t_index"), py::arg("prompt"))
      .def_property_readonly("query_stride", &search::Profiler::query_stride)
      .def("finish_unit", &search::Profiler::finish_unit, py::arg("t_index"), py::arg("prompt"))
      .def("done", &search::Profiler::done, py::arg("t_index"), py::arg("prompt"))
      .def_property_readonly("t", [](const search::Profiler& it) { return it.options().t; })
      .def_property_readonly("map_size",
                             [](const search::Profiler& it) { return it.options().map_size; })
      .def_property_readonly("int8", [](const search::Profiler& it) { return it.options().int8; })
      .def_property_readonly(
          "tokens", [](const search::Profiler& it) { return it.options().layout.tokens(); })
      .def_property_readonly("head_dim",
                             [](const search::Profiler& it) { return it.options().model.head_dim; })
      .def("mean_maps", &mean_maps)
      .def("finish", [](const search::Profiler& profiler) {
        return std::make_shared<Profile>(profiler.finish());
      });

  py::class_<search::Solver>(module, "Solver", "Any number of plans from one profile.")
      .def(py::init([](const std::shared_ptr<Profile>& profile, const std::vector<double>& t,
                       const std::optional<std::vector<std::int32_t>>& expert_at,
                       const std::string& budget_kind, std::int32_t max_segments,
                       std::optional<std::int32_t> dense_first_steps,
                       std::optional<std::int32_t> dense_last_steps, const std::string& name,
                       bool attach_profile, const std::optional<std::array<std::int32_t, 3>>& grid,
                       const std::optional<std::string>& sampler, std::optional<double> shift,
                       const std::optional<std::string>& scheduler,
                       std::optional<double> int8_error_share) {
             search::SolveRequest request =
                 request_for(*profile, t, expert_at, budget_kind, max_segments, dense_first_steps,
                             dense_last_steps, name, attach_profile, int8_error_share);
             if (grid) {
               request.layout = search::layout_at(*profile, *grid);
             }
             request.sampler = sampler;
             request.shift = shift;
             request.scheduler = scheduler;
             const py::gil_scoped_release release;
             return std::make_unique<search::Solver>(profile, std::move(request));
           }),
           py::arg("profile"), py::arg("t"), py::arg("expert_at"), py::arg("budget_kind"),
           py::arg("max_segments"), py::arg("dense_first_steps"), py::arg("dense_last_steps"),
           py::arg("name"), py::arg("attach_profile"), py::arg("grid"), py::arg("sampler"),
           py::arg("shift"), py::arg("scheduler"), py::arg("int8_error_share"))
      .def("least_budget", &search::Solver::least_budget)
      .def("solve", &solve_within, py::arg("budget"),
           "The plan with the least predicted error within a budget over the forwards.")
      .def(
          "pareto_front",
          [](const search::Solver& solver, std::int32_t points) {
            std::vector<std::pair<double, double>> front;
            const py::gil_scoped_release release;
            for (const search::FrontPoint& point : solver.pareto_front(points)) {
              front.emplace_back(point.density, point.predicted_error);
            }
            return front;
          },
          py::arg("points"), "[(density, predicted error)]");

  bind_adaptive_run(module);
  bind_budget_finder(module);
  bind_search_run(module);
}

}  // namespace twill::python
