// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tile_ops.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tile_ops_isa.h"
#include "twill/kernels/machine.h"

namespace twill::kernels {
namespace {

struct Candidate {
  const char* name;
  const TileOps* ops;  // null: not in this build
  bool bf16_only = false;
  std::vector<const char*> missing;  // in this processor, of all that it needs
};

#if defined(__x86_64__) && defined(__GNUC__)
// Clang 14 does not know this name in __builtin_cpu_supports.
bool has_f16c() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

// Best first.
std::vector<Candidate> candidates() {
  std::vector<Candidate> found;
#if defined(__x86_64__) && defined(__GNUC__)
  std::vector<const char*> missing;
  const auto need = [&](bool has, const char* instructions) {
    if (!has) {
      missing.push_back(instructions);
    }
  };
  need(__builtin_cpu_supports("avx2") != 0, "avx2");
  need(__builtin_cpu_supports("fma") != 0, "fma");
  need(has_f16c(), "f16c");
  found.push_back({.name = "avx2", .ops = tile_ops_avx2(), .missing = missing});
  need(__builtin_cpu_supports("avx512f") != 0, "avx512f");
  need(__builtin_cpu_supports("avx512bw") != 0, "avx512bw");
  need(__builtin_cpu_supports("avx512dq") != 0, "avx512dq");
  need(__builtin_cpu_supports("avx512vl") != 0, "avx512vl");
  found.push_back({.name = "avx512", .ops = tile_ops_avx512(), .missing = missing});
  need(__builtin_cpu_supports("avx512bf16") != 0, "avx512bf16");
  found.push_back({.name = "avx512_bf16",
                   .ops = tile_ops_avx512_bf16(),
                   .bf16_only = true,
                   .missing = missing});
  std::ranges::reverse(found);
#endif
  found.push_back({.name = "portable", .ops = tile_ops_portable()});
  return found;
}

std::vector<const TileOps*> supported(bool for_bf16) {
  std::vector<const TileOps*> tables;
  for (const Candidate& candidate : candidates()) {
    if (candidate.ops != nullptr && candidate.missing.empty() &&
        (for_bf16 || !candidate.bf16_only)) {
      tables.push_back(candidate.ops);
    }
  }
  return tables;
}

std::vector<const TileOps*>& tables_for(bool bf16) {
  static std::vector<const TileOps*> wide = supported(false);
  static std::vector<const TileOps*> narrow = supported(true);
  return bf16 ? narrow : wide;
}

}  // namespace

std::vector<KernelFact> cpu_kernels() {
  std::vector<KernelFact> facts;
  for (const Candidate& candidate : candidates()) {
    KernelFact fact{.name = candidate.name, .why_not = {}};
    if (candidate.ops == nullptr) {
      fact.why_not = "this build's compiler did not know these instructions";
    } else if (!candidate.missing.empty()) {
      fact.why_not = "this processor has no";
      for (const char* instructions : candidate.missing) {
        fact.why_not += std::string(" ") + instructions;
      }
    }
    facts.push_back(std::move(fact));
  }
  return facts;
}

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
