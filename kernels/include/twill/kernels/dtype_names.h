// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What dtypes are called: in model.json, on the command line, in the app and in Python.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "twill/kernels/attention.h"

namespace twill::kernels {

inline constexpr std::array<std::pair<Dtype, std::string_view>, 3> kDtypeNames{{
    {Dtype::kF32, "float32"},
    {Dtype::kBf16, "bfloat16"},
    {Dtype::kF16, "float16"},
}};

}  // namespace twill::kernels
