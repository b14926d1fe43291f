// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "twill/kernels/executor.h"

namespace twill::engine {

// ATen's threads, for kernels that run between ATen's operators: their OpenMP threads spin for some
// milliseconds after each operator and would hold up any others.
kernels::Executor& aten_executor();

}  // namespace twill::engine
