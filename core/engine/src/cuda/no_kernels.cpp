// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "cuda/dequantise.h"
#include "cuda/quantise.h"
#include "cuda/row_kernels.h"

namespace twill::engine::cuda {
namespace {

kernels::Status none() { return kernels::Status::failure("this build has no CUDA kernels"); }

}  // namespace

bool takes_rows(std::int64_t) { return false; }
kernels::Status layer_norm_affine(const NormRows&, void*) { return none(); }
kernels::Status rms_norm_rope(const RopeRows&, void*) { return none(); }
kernels::Status add_gated(const GatedRows&, void*) { return none(); }
bool takes_channels(std::int64_t) { return false; }
kernels::Status norm_silu_taps(const NormTaps&, void*) { return none(); }
bool takes_stored(const StoredRows&) { return false; }
kernels::Status dequantise(const StoredRows&, void*) { return none(); }
bool takes_fp8_rows(std::int64_t) { return false; }
kernels::Status to_fp8(const Fp8Rows&, void*) { return none(); }

}  // namespace twill::engine::cuda
