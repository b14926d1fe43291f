// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "../kernel_table.h"

namespace twill::kernels::sm90 {

Status launch(const CudaLaunch& launch);

}  // namespace twill::kernels::sm90
