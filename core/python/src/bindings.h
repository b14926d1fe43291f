// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The parts of the module _twill; each registers its own classes and functions.
#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "twill/kernels/tile_list.h"
#include "twill/plan/token_layout.h"

namespace twill::python {

using LayoutTuple = std::array<std::int32_t, 5>;  // prefix, frames, rows, cols, suffix
// Throws Error(kUsage) naming the field.
TokenLayout read_layout(const LayoutTuple& values);

// (runs [runs, 2]: first key tile and count, run_begin [query_tiles + 1], position_to_token
// [tokens] or None)
pybind11::tuple arrays_of(const kernels::TileListView& list);
using TaskTuple = std::pair<std::string, std::int32_t>;  // mode, list
std::vector<TaskTuple> task_tuples(std::span<const kernels::HeadTask> tasks);

void bind_machine(pybind11::module_& module);    // what runs on this machine
void bind_plan(pybind11::module_& module);       // Plan, CompiledPlan
void bind_attention(pybind11::module_& module);  // attention and profiling kernels
void bind_cuda(pybind11::module_& module);       // the CUDA kernels
void bind_search(pybind11::module_& module);     // Profiler, Profile, Solver and the like

}  // namespace twill::python
