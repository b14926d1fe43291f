// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "../kernel_table.h"

namespace twill::kernels::portable {

Status launch_roomy(const CudaLaunch& launch);
Status launch_compact(const CudaLaunch& launch);

}  // namespace twill::kernels::portable
