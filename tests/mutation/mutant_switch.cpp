// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "mutant_switch.h"

#include <gtest/gtest.h>

#include <fstream>

std::atomic<bool> twill_mutants_reached[kMostMutants];

namespace {

// Writes a line for each test to the file that TWILL_MUTANTS_REACHED names: name, milliseconds and
// the mutants whose place it came by, with tabs between.
class ReachedMutants : public ::testing::EmptyTestEventListener {
 public:
  explicit ReachedMutants(const char* file) : out_(file) {}

  void OnTestEnd(const ::testing::TestInfo& test) override {
    out_ << test.test_suite_name() << '.' << test.name() << '\t' << test.result()->elapsed_time();
    // What a suite made before its first test is the first test's.
    for (std::size_t number = 0; number < kMostMutants; ++number) {
      if (twill_mutants_reached[number].exchange(false, std::memory_order_relaxed)) {
        out_ << '\t' << number;
      }
    }
    out_ << std::endl;
  }

 private:
  std::ofstream out_;
};

const bool listens = [] {
  if (const char* const file = std::getenv("TWILL_MUTANTS_REACHED")) {
    ::testing::UnitTest::GetInstance()->listeners().Append(new ReachedMutants(file));
  }
  return true;
}();

}  // namespace
