// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "engine_support.h"
#include "twill/engine/attention.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/kernels/attention.h"

namespace twill::engine {
namespace {

using testing::worst_difference;

constexpr TokenLayout kLayout{
    .frames = 3, .rows = 9, .cols = 11};  // 297 tokens: ragged tiles on both sides
constexpr std::int32_t kHeadDim = 64;

// Layer 0: one head of every kind; layer 1: dense. Dense above t = 0.5.
Plan mixed_plan() {
  Plan plan;
  plan.name = "mixed";
  plan.model = {.family = "test",
                .experts = {"default"},
                .stacks = {{.name = "blocks", .layers = 2, .heads = 4}},
                .head_dim = kHeadDim};
  plan.patterns = {dense(), skip(), mean(),
                   make_pattern(Window{.frames = 0, .rows = 1.0, .cols = 1.0})};
  Segment sparse;
  sparse.t_begin = 0.0;
  sparse.t_end = 0.5;
  sparse.heads = {{{0}, {1}, {2}, {3}, {0}, {0}, {0}, {0}}};
  Segment all_dense;
  all_dense.t_begin = 0.5;
  all_dense.t_end = 1.0;
  all_dense.dense = true;
  plan.segments = {sparse, all_dense};
  return plan;
}

struct Call {
  at::Tensor q, k, v;
  explicit Call(at::ScalarType dtype = at::kFloat, std::int64_t batch = 1,
                std::int64_t tokens = kLayout.tokens()) {
    // Side by side, as the transformer has them.
    const at::Tensor all = at::randn({batch, tokens, 3, 4, kHeadDim}).to(dtype);
    q = all.select(2, 0).transpose(1, 2);
    k = all.select(2, 1).transpose(1, 2);
    v = all.select(2, 2).transpose(1, 2);
  }
};

AttentionSite site_at(double t, std::int32_t layer) {
  AttentionSite site;
  site.t = t;
  site.layer = layer;
  return site;
}

at::Tensor by_definition(const PlanAttention& attention, const Call& call) {
  const at::Tensor q = call.q.to(at::kFloat).contiguous();
  const at::Tensor k = call.k.to(at::kFloat).contiguous();
  const at::Tensor v = call.v.to(at::kFloat).contiguous();
  at::Tensor out = at::empty_like(q);
  const kernels::Status status = kernels::run_attention_reference({
      .tensors = kernel_tensors(q, k, v, kernels::Dtype::kF32),
      .out = out.mutable_data_ptr(),
      .out_strides = strides_of(out),
      .tasks = attention.compiled().tasks(0, 0, 0, 0),
      .lists = attention.compiled().lists(),
  });
  EXPECT_TRUE(status.ok) << status.reason;
  return out;
}

TEST(PlanAttention, HeadsRunAsPlanned) {
  PlanAttention attention(std::make_shared<Plan>(mixed_plan()), kLayout);
  for (const std::int64_t batch : {1, 2}) {
    const Call call(at::kFloat, batch);
    const at::Tensor exact = by_definition(attention, call);
    const at::Tensor out = attention.run(call.q, call.k, call.v, site_at(0.5, 0));
    ASSERT_EQ(out.sizes(), call.q.sizes());
    EXPECT_LE(worst_difference(out, exact), 32 * 0x1p-24 * exact.abs().max().item<double>());
    EXPECT_EQ(out.select(1, 1).abs().max().item<double>(), 0.0) << "a skipped head adds nothing";
    EXPECT_GT(worst_difference(out.select(1, 3),
                               DenseAttention().run(call.q, call.k, call.v, {}).select(1, 3)),
              0.01)
        << "the window changes nothing: the comparison says nothing";
    EXPECT_TRUE(out.transpose(1, 2).is_contiguous()) << "joining the heads would copy";
  }
  EXPECT_EQ(attention.counts().sparse, 2);
  EXPECT_EQ(attention.counts().planned_dense, 0);
  EXPECT_TRUE(attention.counts().fallback.empty());
}

TEST(PlanAttention, TheCpuComputesHeadsInInt8AsTheOthersAndSaysSo) {
  Plan plan = mixed_plan();
  std::vector<HeadPlan>& heads = plan.segments[0].heads[0];
  heads[0].precision = Precision::kInt8;
  heads[2].precision = Precision::kInt8;  // a mean: it has no keys
  heads[3].precision = Precision::kInt8;
  PlanAttention in_bf16(std::make_shared<Plan>(mixed_plan()), kLayout);
  PlanAttention attention(std::make_shared<Plan>(plan), kLayout);
  const Call call;
  for (const AttentionSite& site : {site_at(0.5, 0), site_at(0.5, 0), site_at(1.0, 0)}) {
    EXPECT_TRUE(attention.run(call.q, call.k, call.v, site)
                    .equal(in_bf16.run(call.q, call.k, call.v, site)));
  }
  EXPECT_EQ(attention.counts().heads_with_keys, 4) << "2 of each sparse call";
  EXPECT_EQ(attention.counts().int8_heads, 0);
  EXPECT_EQ(attention.counts().not_int8,
            (std::map<std::string, std::int64_t>{
                {"the CPU's kernels compute in the dtype of the tensors", 4}}));
  EXPECT_TRUE(in_bf16.counts().not_int8.empty());
}

// The branches of the guidance may have texts of two lengths.
TEST(PlanAttention, EachLayoutHasItsOwnTables) {
  const auto plan = std::make_shared<Plan>(mixed_plan());
  TokenLayout with_text = kLayout;
  with_text.suffix = 20;
  // As many tokens as with_text, and another grid: no table of that one may serve it.
  const TokenLayout other{.frames = 1, .rows = 1, .cols = with_text.tokens()};
  PlanAttention both(plan, std::vector{kLayout, with_text, kLayout});
  for (const TokenLayout& layout : {kLayout, with_text}) {
    PlanAttention alone(plan, layout);
    const Call call(at::kFloat, 1, layout.tokens());
    AttentionSite site = site_at(0.5, 0);
    site.layout = &layout;
    EXPECT_TRUE(both.run(call.q, call.k, call.v, site)
                    .equal(alone.run(call.q, call.k, call.v, site_at(0.5, 0))));
  }
  EXPECT_EQ(both.counts().sparse, 2);
  EXPECT_TRUE(both.counts().fallback.empty());
  EXPECT_NE(both.compiled_for(with_text), nullptr);
  EXPECT_EQ(both.compiled_for(other), nullptr);

  const Call call(at::kFloat, 1, other.tokens());
  for (const std::int32_t layer : {0, 1}) {
    AttentionSite site = site_at(0.5, layer);
    site.layout = &other;
    EXPECT_TRUE(both.run(call.q, call.k, call.v, site)
                    .equal(DenseAttention().run(call.q, call.k, call.v, {})));
  }
  EXPECT_EQ(both.counts().planned_dense, 1);
  EXPECT_EQ(both.counts().fallback,
            (std::map<std::string, std::int64_t>{
                {"the plan was not compiled for 0 + 1x1x317 + 0 tokens", 1}}));
}

TEST(PlanAttention, DenseSegmentsAndLayersAreDenseAttention) {
  PlanAttention attention(std::make_shared<Plan>(mixed_plan()), kLayout);
  const Call call;
  const at::Tensor exact = DenseAttention().run(call.q, call.k, call.v, {});
  for (const AttentionSite& site : {site_at(0.51, 0), site_at(1.0, 0), site_at(0.1, 1)}) {
    EXPECT_LE(worst_difference(attention.run(call.q, call.k, call.v, site), exact),
              32 * 0x1p-24 * exact.abs().max().item<double>());
  }
  EXPECT_EQ(attention.counts().planned_dense, 3);
  EXPECT_EQ(attention.counts().sparse, 0);
  EXPECT_TRUE(attention.counts().fallback.empty());
}

// Of two experts with two stacks each, two segments.
struct Place {
  std::size_t segment = 0;
  AttentionSite site;
  std::size_t first_head = 0;  // head_index() of the layer's head 0
};
std::vector<Place> all_places() {
  std::vector<Place> places;
  for (const std::size_t segment : {0, 1}) {
    for (const std::int32_t expert : {0, 1}) {
      std::size_t head = 0;
      for (const auto& [stack, layer] : {std::pair(0, 0), std::pair(0, 1), std::pair(1, 0)}) {
        const double t = segment == 0 ? 0.3 : 0.7;
        places.push_back(
            {segment, {.expert = expert, .stack = stack, .layer = layer, .t = t}, head});
        head += 4;
      }
    }
  }
  return places;
}

TEST(PlanAttention, EachSegmentExpertStackAndLayerHasItsOwnHeads) {
  const Call call;
  for (const Place& skipped : all_places()) {
    Plan plan = mixed_plan();
    plan.model.experts = {"high", "low"};
    plan.model.stacks = {{.name = "double", .layers = 2, .heads = 4},
                         {.name = "single", .layers = 1, .heads = 4}};
    for (Segment& segment : plan.segments) {
      segment.dense = false;
      segment.heads.assign(2, std::vector<HeadPlan>(12));
    }
    std::vector<HeadPlan>& heads =
        plan.segments[skipped.segment].heads[static_cast<std::size_t>(skipped.site.expert)];
    std::fill_n(heads.begin() + static_cast<std::ptrdiff_t>(skipped.first_head), 4,
                HeadPlan{.pattern = 1});
    PlanAttention attention(std::make_shared<Plan>(std::move(plan)), kLayout);
    for (const Place& place : all_places()) {
      const bool is_skipped = place.segment == skipped.segment &&
                              place.site.expert == skipped.site.expert &&
                              place.first_head == skipped.first_head;
      const at::Tensor out = attention.run(call.q, call.k, call.v, place.site);
      EXPECT_EQ(out.abs().max().item<double>() == 0.0, is_skipped)
          << "segment " << place.segment << ", expert " << place.site.expert << ", stack "
          << place.site.stack << ", layer " << place.site.layer;
    }
    EXPECT_EQ(attention.counts().sparse, 1);
    EXPECT_EQ(attention.counts().planned_dense, 11);
  }
}

TEST(PlanAttention, PlannedDenseThatTheKernelCannotServeIsNoFallback) {
  PlanAttention attention(std::make_shared<Plan>(mixed_plan()), kLayout);
  const Call wide(at::kDouble);
  EXPECT_TRUE(attention.run(wide.q, wide.k, wide.v, site_at(1.0, 0))
                  .equal(DenseAttention().run(wide.q, wide.k, wide.v, {})));
  EXPECT_EQ(attention.counts().planned_dense, 1);
  EXPECT_TRUE(attention.counts().fallback.empty());
}

TEST(PlanAttention, WhatCannotBeServedRunsDenseAndIsCounted) {
  PlanAttention attention(std::make_shared<Plan>(mixed_plan()), kLayout);
  const Call longer(at::kFloat, 1, kLayout.tokens() + 1);
  EXPECT_TRUE(attention.run(longer.q, longer.k, longer.v, site_at(0.1, 0))
                  .equal(DenseAttention().run(longer.q, longer.k, longer.v, {})));
  const Call wide(at::kDouble);
  for (int i = 0; i < 2; ++i) {
    attention.run(wide.q, wide.k, wide.v, site_at(0.1, 0));
  }
  EXPECT_EQ(attention.counts().sparse, 0);
  EXPECT_EQ(attention.counts().fallback,
            (std::map<std::string, std::int64_t>{
                {"298 queries and 298 keys where the plan was compiled for 297 tokens", 1},
                {"no kernel for dtype Double", 2}}));
  attention.reset_counts();
  EXPECT_TRUE(attention.counts().fallback.empty());
}

TEST(PlanAttention, APlanOfAnotherModelIsRefused) {
  PlanAttention attention(std::make_shared<Plan>(mixed_plan()), kLayout);
  const Call call;
  const auto run = [&](const AttentionSite& site) { attention.run(call.q, call.k, call.v, site); };
  EXPECT_ERROR(run(site_at(0.1, 2)), "the plan has 2 layers in blocks; layer 2 was run");
  AttentionSite site;
  site.stack = 1;
  EXPECT_ERROR(run(site), "the plan has 1 stacks; stack 1 was run");
  site = {};
  site.expert = 1;
  EXPECT_ERROR(run(site), "the plan has 1 experts; expert 1 was run");
  EXPECT_ERROR(attention.run(call.q.narrow(1, 0, 3), call.k.narrow(1, 0, 3), call.v.narrow(1, 0, 3),
                             site_at(0.1, 0)),
               "the plan has 4 heads in blocks; 3 were run");
  const auto half = [](const at::Tensor& x) { return x.narrow(3, 0, kHeadDim / 2); };
  EXPECT_ERROR(attention.run(half(call.q), half(call.k), half(call.v), site_at(0.1, 0)),
               concat("the plan is for head_dim ", kHeadDim, "; ", kHeadDim / 2, " was run"));
}

TEST(PlanAttention, HalfPrecisionIsServed) {
  PlanAttention attention(std::make_shared<Plan>(mixed_plan()), kLayout);
  for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf}) {
    const Call call(dtype);
    const at::Tensor exact = by_definition(attention, call);
    const at::Tensor out = attention.run(call.q, call.k, call.v, site_at(0.1, 0));
    EXPECT_EQ(out.scalar_type(), dtype);
    // The result and the probabilities that multiply v are rounded to the dtype.
    const double store = dtype == at::kBFloat16 ? 0x1p-8 : 0x1p-11;
    EXPECT_LE(worst_difference(out, exact), 4 * store * exact.abs().max().item<double>());
  }
  EXPECT_EQ(attention.counts().sparse, 2);
}

}  // namespace
}  // namespace twill::engine
