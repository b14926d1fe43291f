// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The public headers of kernels/ must compile under nvcc as C++20: CUDA launchers share the params
// structs with the CPU.
#include "twill/kernels/attention.h"
#include "twill/kernels/profiling.h"

static_assert(__cplusplus >= 202002L, "nvcc was not given -std=c++20");
static_assert(twill::kernels::tile_count(129, twill::kernels::kQueryTile) == 2);
