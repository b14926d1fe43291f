// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "meter.h"
#include "timed_attention.h"
#include "twill/engine/attention.h"
#include "twill/engine/device.h"

namespace twill::jobs {
namespace {

// Takes `seconds` and gives back v.
class Waits final : public engine::SelfAttention {
 public:
  explicit Waits(double seconds) : seconds_(seconds) {}

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override {
    const Clock::time_point begin = Clock::now();
    q_ = q;
    k_ = k;
    layer_ = site.layer;
    while (seconds_since(begin) < seconds_) {
    }
    return v;
  }

  at::Tensor q_, k_;
  std::int32_t layer_ = -1;

 private:
  double seconds_;
};

TEST(TimedAttention, hands_calls_on_unchanged_and_adds_up_their_time) {
  constexpr double kSeconds = 0.002;
  Waits inner(kSeconds);
  TimedAttention timed(inner);
  EXPECT_EQ(timed.seconds(), 0.0);
  const Clock::time_point begin = Clock::now();
  for (std::int32_t layer = 0; layer < 3; ++layer) {
    const at::Tensor q = at::randn({1, 2, 8, 4});
    const at::Tensor k = at::randn({1, 2, 8, 4});
    const at::Tensor v = at::randn({1, 2, 8, 4});
    EXPECT_TRUE(timed.run(q, k, v, {.layer = layer}).is_same(v));
    EXPECT_TRUE(inner.q_.is_same(q));
    EXPECT_TRUE(inner.k_.is_same(k));
    EXPECT_EQ(inner.layer_, layer);
  }
  EXPECT_GE(timed.seconds(), 3 * kSeconds);
  EXPECT_LE(timed.seconds(), seconds_since(begin));
}

TEST(TimedAttention, on_a_device_times_what_is_queued_and_waits_for_nothing) {
  const c10::Device device = engine::choose_device();
  if (device.is_cpu()) {
    GTEST_SKIP() << "no CUDA device, or a LibTorch without CUDA";
  }
  // Some 10 ms a call on the fastest device there is.
  const at::Tensor x =
      at::randn({1, 16, 32768, 128}, at::TensorOptions(device).dtype(at::kBFloat16));
  engine::DenseAttention inner;
  const at::Tensor expected = inner.run(x, x, x, {});
  TimedAttention timed(inner);
  synchronise(device);
  const Clock::time_point begin = Clock::now();
  at::Tensor out;
  for (int call = 0; call < 5; ++call) {
    out = timed.run(x, x, x, {});
  }
  const double queued = seconds_since(begin);
  const double attention = timed.seconds();
  const double all = seconds_since(begin);
  EXPECT_TRUE(at::equal(out, expected));
  EXPECT_LT(queued, 0.5 * attention);
  EXPECT_LE(attention, all);
  EXPECT_GT(attention, 0.8 * all);  // nothing else was queued
}

}  // namespace
}  // namespace twill::jobs
