// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Models whose numbers stop being numbers: told by step and by tensor, and never compared.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>
#include <string>

#include "clip_files.h"
#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "session.h"
#include "twill/engine/noise.h"
#include "twill/engine/weights.h"
#include "twill/jobs/evaluate.h"
#include "twill/jobs/generate.h"
#include "twill/jobs/search.h"
#include "twill/plan/plan_io.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class NotFinite : public ::testing::Test {
 protected:
  NotFinite() {
    ::setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1);
    tests::write_tiny_model(model_);
    plan_.model = {.family = "wan2.1-t2v", .stacks = {{"blocks", 2, 2}}, .head_dim = 64};
    plan_.patterns = {dense()};
    Segment segment;
    segment.heads = {std::vector<HeadPlan>(4)};
    plan_.segments = {segment};
  }

  void change(const char* file, const std::string& name,
              const std::function<void(at::Tensor&)>& change) const {
    const engine::Weights weights = engine::Weights::open(model_ / file);
    std::map<std::string, at::Tensor> tensors;
    for (const std::string& each : weights.names()) {
      tensors[each] = weights.get(each);
    }
    change(tensors.at(name));
    engine::write_safetensors(model_ / file, tensors, weights.metadata());
  }
  void set_one(const char* file, const std::string& name, float value) const {
    change(file, name, [value](at::Tensor& tensor) { tensor.flatten()[0] = value; });
  }

  report::ClipSettings clip(const char* dtype = "float32") const {
    return {.model = model_, .width = 64, .height = 64, .frames = 9, .steps = 3, .dtype = dtype};
  }
  std::string why_not_generated(const report::ClipSettings& settings) const {
    GenerateOptions options{.clip = settings, .prompts = {"a red ball"}};
    options.out = folder_ / "clip";
    const Outcome outcome = run_job([&] { generate(options, {}); });
    EXPECT_EQ(outcome.kind, OutcomeKind::kFailed);
    EXPECT_EQ(outcome.code, ErrorCode::kModel) << outcome.text;
    EXPECT_FALSE(fs::exists(options.out));
    EXPECT_EQ(outcome.text.find('\n'), std::string::npos) << outcome.text;
    return outcome.text;
  }
  std::string values_of(const char* file, const char* tensor, const char* are) const {
    return (model_ / file).string() + ": tensor " + tensor + " holds values that are " + are;
  }
  static std::string latents_from_step_1(const std::string& why) {
    return "denoise dense: from step 1 of 3 on (t = 1) the latents are not finite; " + why;
  }

  const tests::ScratchFolder folder_;
  const fs::path model_ = folder_ / "model";
  Plan plan_;
};

TEST_F(NotFinite, a_broken_weight_is_named_with_the_step) {
  for (const float value : {kNan, kInfinity}) {
    set_one("dit.safetensors", "blocks.1.ffn.0.weight", value);
    EXPECT_EQ(
        why_not_generated(clip()),
        latents_from_step_1(values_of("dit.safetensors", "blocks.1.ffn.0.weight", "not finite")));
  }
}

TEST_F(NotFinite, a_broken_word_is_named) {
  set_one("text.safetensors", "word_embedding.weight", kNan);
  EXPECT_EQ(
      why_not_generated(clip()),
      latents_from_step_1(values_of("text.safetensors", "word_embedding.weight", "not finite")));
}

TEST_F(NotFinite, a_broken_decoder_is_named_with_the_frames) {
  set_one("vae.safetensors", "decoder.head.2.bias", kInfinity);
  EXPECT_EQ(why_not_generated(clip()),
            "decode dense: of the VAE's frames 1 to 9 not all values are finite; " +
                values_of("vae.safetensors", "decoder.head.2.bias", "not finite"));
}

TEST_F(NotFinite, a_weight_that_float16_cannot_hold_is_named) {
  set_one("dit.safetensors", "blocks.0.ffn.2.weight", 1e6f);
  EXPECT_EQ(why_not_generated(clip("float16")),
            latents_from_step_1(
                values_of("dit.safetensors", "blocks.0.ffn.2.weight", "too large for float16")));
}

TEST_F(NotFinite, what_float16_cannot_compute_names_other_dtypes) {
  change("dit.safetensors", "blocks.0.ffn.2.weight", [](at::Tensor& weight) { weight.mul_(2e5); });
  EXPECT_EQ(why_not_generated(clip("float16")),
            latents_from_step_1("all weights are finite, so float16 may be too small for this "
                                "model: use float32 or bfloat16"));
}

// Finite up to a step: the one where it began is told.
TEST_F(NotFinite, the_step_is_the_one_where_it_began) {
  const report::ClipSettings settings = clip();
  const JobControl control;
  const Session session(settings, control);
  engine::DenseAttention dense;

  class FromCall final : public engine::SelfAttention {
   public:
    FromCall(engine::SelfAttention& inner, int first) : inner_(inner), left_(first) {}
    at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                   const engine::AttentionSite& site) override {
      const at::Tensor out = inner_.run(q, k, v, site);
      return left_-- > 0 ? out : out * kNan;
    }

   private:
    engine::SelfAttention& inner_;
    int left_;
  };
  FromCall broken(dense, 2 * 1);  // two layers a step
  const Outcome outcome =
      run_job([&] { session.denoise(session.encode("a red ball"), 1, broken, "sparse"); });
  EXPECT_TRUE(outcome.text.starts_with("sparse: from step 2 of 3 on (t = 0.")) << outcome.text;
  EXPECT_TRUE(outcome.text.ends_with(") the latents are not finite")) << outcome.text;
}

TEST_F(NotFinite, no_preview_is_made_of_it) {
  set_one("dit.safetensors", "blocks.0.ffn.0.weight", kNan);
  GenerateOptions options{.clip = clip(), .prompts = {"a red ball"}};
  options.out = folder_ / "clip";
  int previews = 0;
  options.preview = [&](const auto&) { ++previews; };
  EXPECT_EQ(run_job([&] { generate(options, {}); }).kind, OutcomeKind::kFailed);
  EXPECT_EQ(previews, 0);
}

TEST_F(NotFinite, evaluate_and_search_refuse_it_and_write_nothing) {
  write_plan(folder_ / "plan.json", plan_);
  set_one("dit.safetensors", "blocks.1.ffn.0.weight", kNan);
  EvaluateOptions evaluated{.clip = clip(), .prompts = {"a red ball"}};
  evaluated.plan = folder_ / "plan.json";
  evaluated.out = folder_ / "report.json";
  SearchOptions searched{.clip = clip(), .prompts = {"a red ball"}, .points = 2, .map_size = 0};
  searched.solve.budget = 0.6;
  searched.out = folder_ / "found.json";
  for (const Outcome& outcome :
       {run_job([&] { evaluate(evaluated, {}); }), run_job([&] { search(searched, {}); })}) {
    EXPECT_EQ(outcome.kind, OutcomeKind::kFailed);
    EXPECT_NE(outcome.text.find("finite"), std::string::npos) << outcome.text;
  }
  EXPECT_FALSE(fs::exists(evaluated.out));
  EXPECT_FALSE(fs::exists(searched.out));
}

}  // namespace
}  // namespace twill::jobs
