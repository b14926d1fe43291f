// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a profiler measures of INT8.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <vector>

#include "refusal.h"
#include "search/synthetic_profile.h"
#include "twill/kernels/profiling.h"
#include "twill/plan/error.h"
#include "twill/search/profiler.h"

namespace twill::search {
namespace {

using tests::refusal;

constexpr std::int32_t kHeads = 2, kHeadDim = 64;
constexpr TokenLayout kLayout{.frames = 3, .rows = 6, .cols = 6};

ProfilerOptions options_with(bool int8) {
  return {.model = {.family = "made",
                    .stacks = {{.name = "blocks", .layers = 1, .heads = kHeads}},
                    .head_dim = kHeadDim},
          .layout = kLayout,
          .candidates = {dense(), skip()},
          .t = {0.7},
          .prompts = {"made"},
          .seeds = {0},
          .rows = 40,
          .map_size = 0,
          .int8 = int8};
}

// One call with two branches of the guidance as its batch.
struct Call {
  std::vector<float> q, k, v;
  Call() {
    test::Random random(3);
    for (std::vector<float>* of : {&q, &k, &v}) {
      for (std::int32_t i = 0; i < 2 * kHeads * kLayout.tokens() * kHeadDim; ++i) {
        of->push_back(static_cast<float>(4.0 * random.next() - 2.0));
      }
    }
  }
  AttentionCall tensors() const {
    const std::int64_t head = std::int64_t{kLayout.tokens()} * kHeadDim;
    const kernels::Strides strides{kHeads * head, head, kHeadDim};
    return {.q = q.data(),
            .k = k.data(),
            .v = v.data(),
            .q_strides = strides,
            .k_strides = strides,
            .v_strides = strides,
            .batch = 2,
            .heads = kHeads,
            .tokens = kLayout.tokens(),
            .head_dim = kHeadDim,
            .dtype = kernels::Dtype::kF32,
            .scale = 0.125f};
  }
};

struct Measured {
  std::vector<double> error, norm, int8;

  explicit Measured(const Call& call, const std::vector<std::int32_t>& rows)
      : error(4 * kHeads), norm(2 * kHeads), int8(2 * kHeads) {
    const std::vector<kernels::HeadTask> tasks{{.mode = kernels::HeadMode::kDense},
                                               {.mode = kernels::HeadMode::kSkip}};
    EXPECT_TRUE(kernels::sampled_head_errors_cpu({.tensors = call.tensors(),
                                                  .rows = rows,
                                                  .candidates = tasks,
                                                  .lists = {},
                                                  .error = error.data(),
                                                  .norm = norm.data()})
                    .ok);
    EXPECT_TRUE(
        kernels::int8_errors_cpu({.tensors = call.tensors(), .rows = rows, .error = int8.data()})
            .ok);
    for (std::vector<double>* of : {&error, &norm, &int8}) {  // the batch summed up
      const std::size_t half = of->size() / 2;
      for (std::size_t i = 0; i < half; ++i) {
        (*of)[i] += (*of)[half + i];
      }
      of->resize(half);
    }
  }
  CallMeasures view() const {
    return {.error = error, .norm = norm, .map = {}, .int8_error = int8};
  }
};

const std::vector<double> kGain{0.5, 0.25};

TEST(Int8Profile, holds_the_head_error_of_dense_attention_in_int8) {
  const Call call;
  Profiler profiler(options_with(true));
  const Measured expected(call, profiler.rows(0, 0));
  profiler.observe({}, call.tensors(), kGain);
  profiler.finish_unit(0, 0);
  const Profile profile = profiler.finish();
  ASSERT_EQ(profile.int8_error.size(), std::size_t{kHeads});
  for (std::size_t head = 0; head < kHeads; ++head) {
    EXPECT_FLOAT_EQ(profile.int8_error[head],
                    static_cast<float>(expected.int8[head] / expected.norm[head]));
    EXPECT_GT(profile.int8_error[head], 1e-6f);
    EXPECT_LT(profile.int8_error[head], 1e-2f);
  }
}

TEST(Int8Profile, is_the_same_where_a_driver_measured_it) {
  const Call call;
  Profiler profiler(options_with(true)), told(options_with(true));
  profiler.observe({}, call.tensors(), kGain);
  told.observe({}, Measured(call, told.rows(0, 0)).view(), kGain);
  for (Profiler* one : {&profiler, &told}) {
    one->finish_unit(0, 0);
  }
  EXPECT_EQ(profiler.finish().int8_error, told.finish().int8_error);
}

TEST(Int8Profile, is_empty_where_nobody_asked) {
  Profiler profiler(options_with(false));
  profiler.observe({}, Call().tensors(), kGain);
  profiler.finish_unit(0, 0);
  EXPECT_TRUE(profiler.finish().int8_error.empty());
}

TEST(Int8Profile, is_kept_with_its_unit) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / "twill-int8-profile-test";
  std::filesystem::remove_all(folder);
  ProfilerOptions options = options_with(true);
  options.folder = folder;
  std::vector<float> first;
  {
    Profiler profiler(options);
    profiler.observe({}, Call().tensors(), kGain);
    profiler.finish_unit(0, 0);
    first = profiler.finish().int8_error;
  }
  EXPECT_EQ(Profiler(options).finish().int8_error, first);
  options.int8 = false;
  const std::string why = refusal([&] { Profiler{options}; });
  EXPECT_NE(why.find("the kept profile was measured otherwise"), std::string::npos) << why;
  std::filesystem::remove_all(folder);
}

TEST(Int8Profile, refuses_measures_that_do_not_fit) {
  const Call call;
  Profiler with(options_with(true)), without(options_with(false));
  Measured measured(call, with.rows(0, 0));
  EXPECT_EQ(refusal([&] { without.observe({}, measured.view(), kGain); }),
            "blocks layer 0 at t 0.7, prompt 0: INT8 errors of 2 heads, not of 0");
  measured.int8.pop_back();
  EXPECT_EQ(refusal([&] { with.observe({}, measured.view(), kGain); }),
            "blocks layer 0 at t 0.7, prompt 0: INT8 errors of 1 heads, not of 2");
  measured.int8.push_back(std::nan(""));
  EXPECT_NE(refusal([&] { with.observe({}, measured.view(), kGain); }).find("head 1"),
            std::string::npos);
}

}  // namespace
}  // namespace twill::search
