// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace twill::engine {

// Has MKL choose its code for each elementwise function that the engine and jobs take from torch,
// by one thread; once a process, quick afterwards. Networks call it before their first forward.
//
// MKL chooses at a function's first call, without a lock: when the threads of one torch operation
// make that call together, one of them may compute its part by a less accurate routine (oneMKL
// 2024.2, which torch 2.13 contains; pytorch/pytorch#188792). One last bit of one element is
// enough for another clip of the same seed: latents differed in 6 to 15 % of processes until the
// rope table was made without MKL. That its cosines were the cause was not isolated.
void settle_vector_math();

}  // namespace twill::engine
