// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which mutant runs: the one that the environment's TWILL_MUTANT names by its number.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <type_traits>

inline constexpr std::size_t kMostMutants = 8192;
// Those whose place was come by since the test began.
extern std::atomic<bool> twill_mutants_reached[kMostMutants];

inline bool twill_mutant(int number) {
  static const int running = [] {
    const char* const told = std::getenv("TWILL_MUTANT");
    return told == nullptr ? -1 : std::atoi(told);
  }();
  twill_mutants_reached[number].store(true, std::memory_order_relaxed);
  return number == running;
}
