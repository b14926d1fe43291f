// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What Python says of models, runs and names, for the parts of the search that are bound.
#pragma once

#include <pybind11/stl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "twill/plan/error.h"
#include "twill/plan/names.h"
#include "twill/plan/plan.h"
#include "twill/plan/run_facts.h"

namespace twill::python {

using StackTuple = std::tuple<std::string, std::int32_t, std::int32_t>;  // name, layers, heads

inline ModelShape read_model(const std::string& family, const std::vector<std::string>& experts,
                             const std::vector<StackTuple>& stacks, std::int32_t head_dim) {
  ModelShape model{.family = family, .experts = experts, .stacks = {}, .head_dim = head_dim};
  for (const auto& [name, layers, heads] : stacks) {
    model.stacks.push_back({.name = name, .layers = layers, .heads = heads});
  }
  return model;
}

// (t, expert, weight, sampler, scheduler, shift, grid, steps)
using RunTuple =
    std::tuple<std::vector<double>, std::vector<std::int32_t>, std::vector<double>,
               std::optional<std::string>, std::optional<std::string>, std::optional<double>,
               std::tuple<std::int32_t, std::int32_t, std::int32_t>, std::int32_t>;

inline RunFacts read_run(const RunTuple& tuple) {
  const auto& [t, expert, weight, sampler, scheduler, shift, grid, steps] = tuple;
  const auto& [frames, rows, cols] = grid;
  return {.t = t,
          .expert = expert,
          .weight = weight,
          .sampler = sampler,
          .scheduler = scheduler,
          .shift = shift,
          .grid = {frames, rows, cols},
          .steps = steps};
}

// The value of a table (value, name) that has the name.
template <typename Value, std::size_t count>
Value named(const NameTable<Value, count>& names, std::string_view what, const std::string& name) {
  const std::optional<Value> found = value_named(names, name);
  require(found.has_value(), ErrorCode::kUsage, what, " \"", name, "\" is not ",
          all_names(names, " or "));
  return *found;
}

// SearchRun.
void bind_search_run(pybind11::module_& module);

}  // namespace twill::python
