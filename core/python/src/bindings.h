// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The parts of the module _twill; each registers its own classes and functions.
#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <cstdint>

#include "twill/plan/token_layout.h"

namespace twill::python {

using LayoutTuple = std::array<std::int32_t, 5>;  // prefix, frames, rows, cols, suffix
// Throws Error(kUsage) naming the field.
TokenLayout read_layout(const LayoutTuple& values);

void bind_machine(pybind11::module_& module);    // what runs on this machine
void bind_plan(pybind11::module_& module);       // Plan, CompiledPlan
void bind_attention(pybind11::module_& module);  // attention and profiling kernels
void bind_cuda(pybind11::module_& module);       // the CUDA kernels
void bind_search(pybind11::module_& module);     // Profiler, Profile, Solver, BudgetFinder

}  // namespace twill::python
