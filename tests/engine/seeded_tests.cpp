// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Every test draws its random numbers from the same seed, alone or after others: LibTorch's own is
// another in each process, and a bound on rounding then fails once in a thousand runs, for nobody
// to see again. `--gtest_shuffle --gtest_repeat=N` tries N other seeds.
#include <ATen/Context.h>
#include <gtest/gtest.h>

namespace {

class SeedsEachTest : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override {
    // 0 unless the tests are shuffled.
    at::manual_seed(static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed()));
  }
};

[[maybe_unused]] const bool appended = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new SeedsEachTest);  // which it owns
  return true;
}();

}  // namespace
