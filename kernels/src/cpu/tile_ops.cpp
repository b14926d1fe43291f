// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tile_ops.h"

#include <algorithm>
#include <vector>

#include "tile_ops_isa.h"

namespace twill::kernels {
namespace {

std::vector<const TileOps*> supported(bool for_bf16) {
  std::vector<const TileOps*> tables;  // best first
#if defined(__x86_64__) && defined(__GNUC__)
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
                    __builtin_cpu_supports("f16c") != 0;
  const bool avx512 =
      avx2 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  if (for_bf16 && avx512 && __builtin_cpu_supports("avx512bf16") != 0) {
    tables.push_back(tile_ops_avx512_bf16());
  }
  if (avx512) {
    tables.push_back(tile_ops_avx512());
  }
  if (avx2) {
    tables.push_back(tile_ops_avx2());
  }
#endif
  tables.push_back(tile_ops_portable());
  return tables;
}

std::vector<const TileOps*>& tables_for(bool bf16) {
  static std::vector<const TileOps*> wide = supported(false);
  static std::vector<const TileOps*> narrow = supported(true);
  return bf16 ? narrow : wide;
}

}  // namespace

std::span<const TileOps* const> supported_tile_ops(Dtype dtype) {
  return tables_for(dtype == Dtype::kBf16);
}

bool limit_instructions(std::string_view best) {
  bool found = false;
  for (const bool bf16 : {false, true}) {
    std::vector<const TileOps*>& tables = tables_for(bf16);
    const auto first =
        std::ranges::find(tables, best, [](const TileOps* ops) { return ops->instructions; });
    if (first != tables.end()) {
      tables.erase(tables.begin(), first);
      found = true;
    }
  }
  return found;
}

}  // namespace twill::kernels
