// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Every refusal, by its text.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "attention_inputs.h"
#include "twill/kernels/profiling.h"

namespace twill::kernels {
namespace {

struct Tables {
  std::vector<KeyRun> runs{{0, 2}, {3, 1}};
  std::vector<std::int32_t> run_begin{0, 2, 2};
  std::vector<std::int32_t> order;
};

struct Refusal {
  std::string why;
  std::function<void(AttentionParams&, Tables&)> spoil;
  std::string text;
};
void PrintTo(const Refusal& r, std::ostream* out) { *out << r.why; }

const Refusal kRefusals[] = {
    {"null", [](auto& p, auto&) { p.tensors.k = nullptr; }, "q, k, v or out is null"},
    {"no_batch", [](auto& p, auto&) { p.tensors.batch = 0; },
     "batch 0, heads 6, tokens 200: each must be at least 1"},
    {"negative_tokens", [](auto& p, auto&) { p.tensors.tokens = -5; },
     "batch 1, heads 6, tokens -5: each must be at least 1"},
    {"odd_head_dim", [](auto& p, auto&) { p.tensors.head_dim = 72; },
     "head_dim 72 is not a multiple of 16 up to 256"},
    {"wide_head_dim", [](auto& p, auto&) { p.tensors.head_dim = 272; },
     "head_dim 272 is not a multiple of 16 up to 256"},
    {"scale", [](auto& p, auto&) { p.tensors.scale = std::numeric_limits<float>::infinity(); },
     "scale inf is not finite"},
    {"tasks", [](auto& p, auto&) { p.tasks = p.tasks.first(2); }, "2 tasks for 6 heads"},
    {"unknown_list", [](auto& p, auto&) { p.lists = p.lists.first(0); },
     "a task names list 0 of 0"},
    {"short_run_begin", [](auto&, auto& t) { t.run_begin.pop_back(); },
     "list 0: run_begin has 2 entries, 3 are needed for 200 tokens"},
    {"runs_left_over", [](auto&, auto& t) { t.run_begin.back() = 1; },
     "list 0: run_begin does not span its 2 runs"},
    {"falling",
     [](auto&, auto& t) {
       t.run_begin = {0, 3, 2};
     },
     "list 0: run_begin falls to 2 at query tile 2"},
    {"past_the_end", [](auto&, auto& t) { t.runs[1].count = 2; },
     "list 0: run 1 (3, 2) is out of order or outside the 4 key tiles"},
    {"huge_count",
     [](auto&, auto& t) { t.runs[1].count = std::numeric_limits<std::int32_t>::max(); },
     "list 0: run 1 (3, 2147483647) is out of order or outside the 4 key tiles"},
    {"touching", [](auto&, auto& t) { t.runs[1].first = 2; },
     "list 0: run 1 (2, 1) is out of order or outside the 4 key tiles"},
    {"negative_first", [](auto&, auto& t) { t.runs[0].first = -1; },
     "list 0: run 0 (-1, 2) is out of order or outside the 4 key tiles"},
    {"short_order", [](auto&, auto& t) { t.order.resize(7); },
     "list 0: 7 positions for 200 tokens"},
    {"order_outside", [](auto&, auto& t) { t.order.assign(200, 200); },
     "list 0: position names token 200 of 200"},
};

class Refusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refusals, SayWhatIsWrong) {
  testing::Inputs inputs({.why = "refused", .tokens = 200});
  AttentionParams p = inputs.params();
  Tables tables;
  std::vector<HeadTask> tasks(6, {HeadMode::kSparse, 0});
  p.tasks = tasks;
  TileListView view;
  p.lists = {&view, 1};
  GetParam().spoil(p, tables);
  view = {tables.runs, tables.run_begin, tables.order};
  for (const auto call : {can_run_attention_cpu, run_attention_cpu, run_attention_reference}) {
    EXPECT_EQ(call(p).reason, GetParam().text);
  }
}

INSTANTIATE_TEST_SUITE_P(Calls, Refusals, ::testing::ValuesIn(kRefusals),
                         [](const auto& test) { return test.param.why; });

TEST(ProfilingRefusals, SayWhatIsWrong) {
  testing::Inputs inputs({.why = "refused", .tokens = 200});
  const AttentionParams p = inputs.params();
  double number[6] = {};
  const std::vector<std::int32_t> outside{0, 200};
  const AttentionTensors tensors{.q = p.tensors.q,
                                 .k = p.tensors.k,
                                 .v = p.tensors.v,
                                 .heads = 6,
                                 .tokens = 200,
                                 .head_dim = 64,
                                 .scale = 1.0f};
  HeadErrorParams errors{.tensors = tensors, .error = number, .norm = number};
  EXPECT_EQ(sampled_head_errors_cpu(errors).reason, "no query rows");
  errors.rows = outside;
  EXPECT_EQ(sampled_head_errors_cpu(errors).reason, "row 200 is not one of the 200 tokens");
  errors.norm = nullptr;
  EXPECT_EQ(sampled_head_errors_cpu(errors).reason, "q, k, v, error or norm is null");
  float map[4];
  AttentionMapParams draw{.tensors = tensors, .size = 201, .map = map};
  EXPECT_EQ(attention_map_cpu(draw).reason, "map size 201 is not one of 1..200");
  draw.size = 2;
  draw.query_stride = 0;
  EXPECT_EQ(attention_map_cpu(draw).reason, "query_stride 0 is not positive");
  draw.map = nullptr;
  EXPECT_EQ(attention_map_cpu(draw).reason, "q, k or map is null");
}

}  // namespace
}  // namespace twill::kernels
