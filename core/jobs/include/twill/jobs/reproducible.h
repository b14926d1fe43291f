// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace twill::jobs {

// First in main(), before other threads read the environment: asks MKL, which computes torch's fp32
// products on x86, for sums in one order. As it comes it may schedule and reduce in another order
// in the next process, and one last bit can make another pixel of the same seed. No slower where
// it was measured (a clip's VAE, 2 threads of an AMD EPYC). What the user set stays as it is.
//
// MKL_CBWR, MKL_DYNAMIC: oneMKL's developer guide, "Obtaining Numerically Reproducible Results".
void ask_for_reproducible_sums();

}  // namespace twill::jobs
