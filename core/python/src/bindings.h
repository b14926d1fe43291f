// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The parts of the module _twill; each registers its own classes and functions.
#pragma once

#include <pybind11/pybind11.h>

namespace twill::python {

void bind_plan(pybind11::module_& module);       // Plan, CompiledPlan
void bind_attention(pybind11::module_& module);  // attention and profiling kernels

}  // namespace twill::python
