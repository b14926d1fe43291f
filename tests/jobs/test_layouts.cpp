// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A network whose text joins self-attention, so that the layout of a clip depends on its prompt,
// and the two branches of the guidance may have two.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "expect_error.h"
#include "plan_clips.h"
#include "session.h"
#include "twill/engine/noise.h"
#include "twill/plan/compile.h"
#include "twill/plan/sampler_times.h"

namespace twill::jobs {
namespace {

constexpr std::int64_t kHeadDim = 64;  // a token's 4 cells of 16 channels
constexpr ClipSize kSize{.width = 256, .height = 256, .frames = 17};  // 5x16x16 tokens

// A row for each letter: longer texts have more tokens.
class Letters final : public engine::TextEncoder {
 public:
  std::int64_t text_dim() const override { return kHeadDim; }
  const std::vector<std::string>* words() const override { return nullptr; }
  at::Tensor encode(const engine::Prompt& prompt) const override {
    const at::Tensor rows = at::arange(std::ssize(prompt.text()) * kHeadDim);
    return at::sin(rows.to(at::kFloat)).view({1, -1, kHeadDim});
  }
};

struct Rows final : engine::Conditioning {
  at::Tensor text;
};

// One layer of one head: tokens of the clip, then those of the text, look at each other.
class Joint final : public engine::VideoNetwork {
 public:
  Joint() {
    facts_ = {.family = &model_family("wan2.1-t2v"),
              .stacks = {{.name = "blocks", .layers = 1, .heads = 1}},
              .head_dim = kHeadDim,
              .dim = kHeadDim,
              .ffn_dim = kHeadDim,
              .in_channels = 16,
              .out_channels = 16,
              .text_dim = kHeadDim};
  }
  const engine::NetworkFacts& facts() const override { return facts_; }
  std::unique_ptr<const engine::Conditioning> condition(
      const at::Tensor& text, const engine::ImageConditions&) const override {
    auto rows = std::make_unique<Rows>();
    rows->text = text;
    return rows;
  }
  TokenLayout layout(const ClipSize& size, const engine::Conditioning& words) const override {
    TokenLayout layout = facts_.family->grid(size);
    layout.suffix = static_cast<std::int32_t>(dynamic_cast<const Rows&>(words).text.size(1));
    return layout;
  }
  at::Tensor forward(const at::Tensor& x, const engine::Conditioning& words,
                     engine::SelfAttention& attention,
                     const engine::StepInfo& step) const override {
    const TokenLayout layout = this->layout(kSize, words);
    const at::Tensor cells = x.reshape({1, 16, 5, 16, 2, 16, 2}).permute({0, 2, 3, 5, 1, 4, 6});
    const at::Tensor clip = cells.reshape({1, layout.grid_tokens(), kHeadDim});
    const at::Tensor all = at::cat({clip, dynamic_cast<const Rows&>(words).text}, 1).unsqueeze(1);
    const at::Tensor mixed =
        attention.run(all, all, all, {.expert = step.expert, .t = step.t, .layout = &layout});
    return mixed[0]
        .narrow(1, 0, layout.grid_tokens())
        .reshape({1, 5, 16, 16, 16, 2, 2})
        .permute({0, 4, 1, 2, 5, 3, 6})
        .reshape(x.sizes());
  }

 private:
  engine::NetworkFacts facts_;
};

engine::VideoModel joint_model() {
  engine::VideoModel model{
      .files = "joint",
      .family = &model_family("wan2.1-t2v"),
      .defaults = {
          .size = kSize, .fps = 8, .steps = 3, .shift = 3.0, .cfg = 2.0, .sampler = "euler"}};
  model.experts.push_back(std::make_unique<Joint>());
  model.text = std::make_unique<Letters>();
  return model;
}

// Every query keeps its own frame, and all text.
std::shared_ptr<const Plan> own_frames() {
  Plan plan{.name = "own frames"};
  plan.model = joint_model().shape();
  plan.patterns = {make_pattern(Window{.frames = 0, .rows = 1.0, .cols = 1.0})};
  plan.segments = {{.t_begin = 0.0, .t_end = 1.0, .heads = {{{0}}}}};
  return std::make_shared<const Plan>(std::move(plan));
}

report::ClipSettings with_negative(const std::string& text) {
  report::ClipSettings clip;
  clip.negative_prompt = text;
  return clip;
}

constexpr const char* kLong = "a red ball rolls over a striped floor while the camera follows it";

TEST(Layouts, of_a_clip_are_those_of_its_branches) {
  const JobControl control;
  const Session session(with_negative("blur"), joint_model(), control);
  const std::vector<TokenLayout> layouts = session.encode(kLong).layouts;
  ASSERT_EQ(layouts.size(), 2U);
  EXPECT_EQ(layouts[0].suffix, 65);
  EXPECT_EQ(layouts[1].suffix, 4);
  EXPECT_EQ(layouts[0].grid_tokens(), 1280);
  EXPECT_EQ(session.encode("blot").layouts.size(), 1U) << "both branches have 4 tokens";
}

TEST(Layouts, each_branch_runs_by_its_own_tables) {
  const JobControl control;
  const Session session(with_negative("blur"), joint_model(), control);
  const EncodedPrompt prompt = session.encode(kLong);
  PlanClips clips(session, own_frames(), false);
  const at::Tensor made = session.denoise(prompt, 5, clips.begin(prompt), "denoise").latents;
  EXPECT_EQ(clips.use().sparse_calls, 3 * 2);
  EXPECT_TRUE(clips.use().fallbacks.empty());

  engine::PlanAttention of_long(own_frames(), prompt.layouts[0]);
  engine::PlanAttention of_short(own_frames(), prompt.layouts[1]);
  std::vector<double> t = sampler_t("euler", 3, 3.0);
  t.push_back(0.0);
  at::Tensor x = engine::make_noise({1, 16, 5, 32, 32}, 5);
  for (std::size_t i = 0; i + 1 < t.size(); ++i) {
    const auto forward = [&](const engine::Conditioned& words, engine::SelfAttention& attention) {
      return session.model().forward(x, words, attention, {.t = t[i]});
    };
    const at::Tensor away = forward(*prompt.negative, of_short);
    const at::Tensor velocity = away + 2.0 * (forward(prompt.positive, of_long) - away);
    x = at::add(x, velocity, t[i + 1] - t[i]);
  }
  EXPECT_TRUE(made.equal(x));
}

TEST(Layouts, all_cells_of_both_branches_are_in_the_density) {
  const JobControl control;
  const Session session(with_negative("blur"), joint_model(), control);
  const EncodedPrompt prompt = session.encode(kLong);
  PlanClips clips(session, own_frames(), false);
  clips.begin(prompt);
  const Pattern pattern = own_frames()->patterns.front();
  double kept = 0.0;
  double all = 0.0;
  for (const TokenLayout& layout : prompt.layouts) {
    kept += static_cast<double>(pattern_tiles(pattern, layout));
    all += static_cast<double>(dense_tiles(layout));
  }
  EXPECT_LT(kept, 0.6 * all);
  EXPECT_NEAR(clips.density(), kept / all, 1e-12);
}

TEST(Layouts, the_next_clip_may_have_others) {
  const JobControl control;
  const Session session(with_negative("blur"), joint_model(), control);
  PlanClips clips(session, own_frames(), false);
  for (const char* text : {kLong, "blot", "a ball"}) {
    const EncodedPrompt prompt = session.encode(text);
    session.denoise(prompt, 5, clips.begin(prompt), "denoise");
    EXPECT_EQ(clips.use().sparse_calls, 3 * 2) << text;
    EXPECT_TRUE(clips.use().fallbacks.empty()) << text;
  }
}

TEST(Layouts, what_needs_one_refuses_two_by_their_text) {
  const JobControl control;
  const Session session(with_negative("blur"), joint_model(), control);
  EXPECT_EQ(session.only_layout({session.encode("blot")}, "a search").suffix, 4);
  EXPECT_ERROR(
      session.only_layout({session.encode("a ball")}, "a search"),
      "a search needs forwards of one layout, but \"a ball\" has one with 4 tokens of text "
      "where the first has 6");
}

}  // namespace
}  // namespace twill::jobs
