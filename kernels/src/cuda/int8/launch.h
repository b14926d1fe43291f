// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The INT8 kernels, as the table of kernels takes them.
#pragma once

#include "../kernel_table.h"

namespace twill::kernels::int8 {

Status launch_roomy(const CudaLaunch& launch);
Status launch_compact(const CudaLaunch& launch);

}  // namespace twill::kernels::int8
