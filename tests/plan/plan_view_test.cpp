// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/plan_view.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "sample_plans.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/profile.h"
#include "twill/plan/text_hash.h"

namespace twill {
namespace {

ModelShape two_stacks(std::vector<std::string> experts) {
  return {.family = "test",
          .experts = std::move(experts),
          .stacks = {{.name = "double_blocks", .layers = 2, .heads = 3},
                     {.name = "single_blocks", .layers = 4, .heads = 2}},
          .head_dim = 64};
}

// Dense above t = 0.6, the middle segment the widest of the others.
Plan example() {
  Plan plan{.name = "example", .model = two_stacks({"high_noise", "low_noise"})};
  plan.patterns = {skip(), mean()};
  const auto heads = static_cast<std::size_t>(plan.model.heads_total());
  for (const auto& [begin, end] : {std::pair(0.0, 0.1), {0.1, 0.4}, {0.4, 0.6}, {0.6, 1.0}}) {
    Segment segment{.t_begin = begin, .t_end = end, .dense = begin == 0.6};
    if (!segment.dense) {
      segment.heads.assign(2, std::vector<HeadPlan>(heads));
    }
    plan.segments.push_back(std::move(segment));
  }
  plan.segments[1].heads[1][7].pattern = 1;
  return plan;
}

TEST(PrecisionCounts, are_of_heads_with_keys_in_segments_that_are_not_dense) {
  Plan plan = example();
  EXPECT_EQ(precision_counts(plan).with_keys, 0) << "skip and mean have none";
  EXPECT_EQ(describe(precision_counts(plan)), "");
  plan.patterns.push_back(dense());
  for (std::size_t segment : {0, 2}) {
    plan.segments[segment].heads[0][3] = {.pattern = 2, .precision = Precision::kInt8};
    plan.segments[segment].heads[1][4] = {.pattern = 2};
  }
  plan.segments[1].heads[1][7].precision = Precision::kInt8;  // a mean head
  EXPECT_EQ(precision_counts(plan).with_keys, 4);
  EXPECT_EQ(precision_counts(plan).int8, 2);
  EXPECT_EQ(describe(precision_counts(plan)), "int8: 2 of 4 heads");
}

TEST(DescribeHead, says_the_precision_where_it_is_not_bf16) {
  Plan plan = example();
  plan.patterns.push_back(dense());
  for (const std::size_t head : {2, 3}) {
    plan.segments[0].heads[0][head] = {.pattern = head == 2 ? 2 : 0, .precision = Precision::kInt8};
  }
  EXPECT_EQ(describe_head(plan, 0, 0, 2), "dense, int8");
  EXPECT_EQ(describe_head(plan, 0, 0, 3), "skip") << "it has no keys";
  EXPECT_EQ(describe_head(plan, 0, 1, 2), "skip");
  EXPECT_EQ(describe_head(plan, 3, 0, 2), "dense") << "the segment is";
  EXPECT_EQ(precision_at(plan, 0, 0, 2), Precision::kInt8);
  EXPECT_EQ(precision_at(plan, 0, 0, 3), Precision::kBf16);
  EXPECT_EQ(precision_at(plan, 3, 0, 2), Precision::kBf16);
}

TEST(HeadSite, is_the_inverse_of_the_head_index) {
  const ModelShape model = two_stacks({"default"});
  std::size_t seen = 0;
  for (std::int32_t stack = 0; stack < 2; ++stack) {
    const StackShape& shape = model.stacks[static_cast<std::size_t>(stack)];
    for (std::int32_t layer = 0; layer < shape.layers; ++layer) {
      for (std::int32_t head = 0; head < shape.heads; ++head, ++seen) {
        const auto index = static_cast<std::size_t>(head_index(model, stack, layer, head));
        EXPECT_EQ(head_site(model, index),
                  (HeadSite{static_cast<std::size_t>(stack), layer, head}));
      }
    }
  }
  EXPECT_EQ(seen, 14u);
  try {
    head_site(model, 14);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "head 14 is outside the model");
  }
}

TEST(HeadLabel, names_the_expert_where_there_are_several) {
  EXPECT_EQ(head_label(two_stacks({"default"}), 0, 4), "double_blocks.1 head 1");
  EXPECT_EQ(head_label(two_stacks({"high_noise", "low_noise"}), 1, 9),
            "low_noise single_blocks.1 head 1");
}

TEST(PatternAt, is_dense_where_the_segment_is) {
  const Plan plan = example();
  EXPECT_EQ(pattern_at(plan, 1, 1, 7), mean());
  EXPECT_EQ(pattern_at(plan, 1, 0, 7), skip());
  EXPECT_EQ(pattern_at(plan, 3, 1, 7), dense());
}

TEST(WidestSegment, is_not_dense_unless_all_are) {
  Plan plan = example();
  EXPECT_EQ(widest_segment(plan), 1u);
  for (Segment& segment : plan.segments) {
    segment.dense = true;
  }
  EXPECT_EQ(widest_segment(plan), 0u);
}

// Published vectors of FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): names of kept files are
// the same in every version.
TEST(HashText, is_fnv_1a) {
  EXPECT_EQ(hex(hash_text("")), "cbf29ce484222325");
  EXPECT_EQ(hex(hash_text("a")), "af63dc4c8601ec8c");
  EXPECT_EQ(hex(hash_text("foobar")), "85944171f73967e8");
  EXPECT_EQ(hash_text("bar", hash_text("foo")), hash_text("foobar"));
  EXPECT_EQ(hex(255), "00000000000000ff");
}

TEST(Fingerprint, is_of_the_file_without_the_profile) {
  const Plan plan = example();
  EXPECT_EQ(fingerprint(plan), hex(hash_text(plan_to_json(plan))));
  const Plan full = test::full_plan();
  ASSERT_NE(full.profile, nullptr);
  Plan bare = full;
  bare.profile = nullptr;
  EXPECT_EQ(fingerprint(full), fingerprint(bare));
  EXPECT_NE(full.profile, nullptr) << "the plan was changed";
}

TEST(Fingerprint, differs_with_every_head_bound_and_word) {
  const Plan plan = example();
  std::vector<Plan> others(5, plan);
  others[0].segments[1].heads[1][7].pattern = 0;
  others[1].segments[1].t_begin = others[1].segments[0].t_end = 0.2;
  others[2].patterns[1] = dense();
  others[3].name = "other";
  others[4].provenance["steps"] = "20";
  std::set<std::string> seen{fingerprint(plan)};
  for (const Plan& other : others) {
    seen.insert(fingerprint(other));
  }
  EXPECT_EQ(seen.size(), 6u);
}

TEST(FingerprintAt, is_one_for_plans_that_do_the_same) {
  const Plan plan = example();
  const std::vector<double> t{0.9, 0.5, 0.3};
  const std::string known = fingerprint_at(plan, t);
  EXPECT_EQ(fingerprint_at(plan, {0.3, 0.9, 0.5, 0.5}), known) << "whatever order they come in";
  Plan words = plan;
  words.name = "other";
  words.provenance = {{"lambda", "0.1"}};
  words.budget = Budget{.value = 0.3};
  EXPECT_EQ(fingerprint_at(words, t), known);
  Plan bounds = plan;
  bounds.segments[1].t_begin = bounds.segments[0].t_end = 0.25;
  bounds.segments[2].t_end = bounds.segments[3].t_begin = 0.75;
  EXPECT_EQ(fingerprint_at(bounds, t), known);
  Plan order = plan;
  std::swap(order.patterns[0], order.patterns[1]);
  for (Segment& segment : order.segments) {
    for (std::vector<HeadPlan>& heads : segment.heads) {
      for (HeadPlan& head : heads) {
        head.pattern = 1 - head.pattern;
      }
    }
  }
  EXPECT_EQ(fingerprint_at(order, t), known);
  Plan unused = plan;
  unused.segments[0].heads[0][0].pattern = 1;
  EXPECT_EQ(fingerprint_at(unused, t), known) << "no t lies in the first segment";
}

TEST(FingerprintAt, differs_with_what_is_done) {
  const Plan plan = example();
  const std::vector<double> t{0.9, 0.5, 0.3};
  std::vector<Plan> others(4, plan);
  others[0].segments[1].heads[1][3].pattern = 1 - plan.segments[1].heads[1][3].pattern;
  others[1].patterns[0] = dense();
  others[2].segments[2].t_end = others[2].segments[3].t_begin = 0.45;
  others[3].model.experts[0] = "another";
  std::set<std::string> seen{fingerprint_at(plan, t)};
  for (const Plan& other : others) {
    seen.insert(fingerprint_at(other, t));
  }
  EXPECT_EQ(seen.size(), others.size() + 1);
  EXPECT_NE(fingerprint_at(plan, {0.05, 0.9}), fingerprint_at(plan, {0.5, 0.3}));
}

}  // namespace
}  // namespace twill
