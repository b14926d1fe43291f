// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A model of two networks, each for its part of the run.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "session.h"
#include "twill/engine/noise.h"
#include "twill/engine/wan_dit.h"
#include "twill/jobs/generate.h"
#include "twill/jobs/model_facts.h"
#include "twill/jobs/search.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/sampler_times.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr double kBoundary = 0.875;  // of Wan 2.2 text-to-video, upstream's configuration

// Two random transformers of one shape. Of 4 steps with shift 3, two are above the boundary.
class Experts : public ::testing::Test {
 protected:
  Experts() {
    ::setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1);
    tests::write_tiny_model(model_);
    tests::write_tiny_model(model_ / "low", {.seed = 9});
    std::ofstream(model_ / "model.json") << R"({
  "family": "wan2.2-t2v",
  "files": {"dit_high_noise": "dit.safetensors", "dit_low_noise": "low/dit.safetensors",
            "vae": "vae.safetensors", "text": "text.safetensors"},
  "default": {"width": 128, "height": 128, "frames": 9, "fps": 8, "steps": 4, "shift": 3.0, "cfg": 1.0,
              "sampler": "euler"}
}
)";
  }
  report::ClipSettings clip() const { return {.model = model_, .dtype = "float32"}; }

  const tests::ScratchFolder folder_;
  const fs::path model_ = folder_ / "model";
};

// Keeps which expert asked at which t.
class Watched final : public engine::SelfAttention {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override {
    experts.push_back(site.expert);
    return dense_.run(q, k, v, site);
  }
  std::vector<std::int32_t> experts;

 private:
  engine::DenseAttention dense_;
};

TEST_F(Experts, take_turns_as_in_a_loop_over_both_networks) {
  const JobControl control;
  const Session session(clip(), control);
  const EncodedPrompt prompt = session.encode("a red ball");
  Watched attention;
  const Denoised made = session.denoise(prompt, 3, attention, "denoise");
  EXPECT_EQ(attention.experts, (std::vector<std::int32_t>{0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(session.experts_at(session.step_t()), (std::vector<std::int32_t>{0, 0, 1, 1}));

  const auto load = [&](const fs::path& file) {
    const engine::Weights weights = engine::Weights::open(file);
    return engine::WanDit(weights, detect_wan_config(weights), at::kFloat);
  };
  const engine::WanDit high = load(model_ / "dit.safetensors");
  const engine::WanDit low = load(model_ / "low/dit.safetensors");
  const at::Tensor words = session.model().text->encode("a red ball");
  engine::DenseAttention dense;
  std::vector<double> t = sampler_t("euler", 4, 3.0);
  t.push_back(0.0);
  at::Tensor x = engine::make_noise({1, 16, 3, 16, 16}, 3);
  for (std::size_t i = 0; i + 1 < t.size(); ++i) {
    const engine::WanDit& expert = t[i] >= kBoundary ? high : low;
    const at::Tensor velocity =
        expert.forward(x, at::full({1}, 1000.0 * t[i], at::kFloat), words, dense, {.t = t[i]});
    x = at::add(x, velocity, t[i + 1] - t[i]);
  }
  EXPECT_TRUE(made.latents.equal(x));
}

// Each expert is led by its own scale, and one without guidance takes one forward a step.
TEST_F(Experts, have_each_a_guidance_of_its_own) {
  const JobControl control;
  const auto run = [&](const Guidance& guidance, Watched* watched = nullptr) {
    report::ClipSettings settings = clip();
    settings.cfg = guidance;
    settings.negative_prompt = "a blue ball";
    const Session session(settings, control);
    Watched attention;
    std::vector<at::Tensor> steps;
    const LoopOptions loop{
        .estimate = [&](std::int64_t, const at::Tensor& seen) { steps.push_back(seen.clone()); }};
    session.denoise(session.encode("a red ball"), 3, attention, "denoise", loop);
    EXPECT_EQ(session.forward_t().size() * 2, attention.experts.size());
    if (watched != nullptr) {
      watched->experts = attention.experts;
    }
    return steps;
  };
  const std::vector<at::Tensor> four = run(4.0);
  const std::vector<at::Tensor> two = run({4.0, 3.0});
  for (std::size_t step = 0; step < 4; ++step) {
    EXPECT_EQ(two[step].equal(four[step]), step < 2) << step;
  }
  Watched watched;
  const std::vector<at::Tensor> first_alone = run({4.0, 1.0}, &watched);
  EXPECT_TRUE(first_alone[1].equal(four[1]));
  EXPECT_EQ(watched.experts, (std::vector<std::int32_t>{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1}));
  run({1.0, 4.0}, &watched);
  EXPECT_EQ(watched.experts, (std::vector<std::int32_t>{0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1}));
}

// A card that holds one layer of one expert beside a step: each gives way to the other, and to the
// VAE, and no bit of the clip changes.
TEST_F(Experts, make_the_same_clip_where_their_layers_do_not_fit) {
  const JobControl control;
  const Session whole(clip(), control);
  std::vector<std::string> notes;
  engine::LoadOptions options{.device = c10::kCPU, .dtype = c10::kFloat, .memory = 1LL << 40};
  options.note = [&](const std::string& note) { notes.push_back(note); };
  const engine::MemoryPlan plan = *engine::load_model(model_, options).memory;
  EXPECT_EQ(plan.experts, 2);
  EXPECT_TRUE(notes.empty());
  // The VAE of a clip of this size would take more than a layer.
  options.size = [](const engine::ModelDefaults&) { return ClipSize{16, 16, 1}; };
  const engine::NetworkMemory small = engine::load_model(model_, options).memory->network;
  ASSERT_GT(small.forward + small.layer, small.decode);
  options.memory = plan.standing() + small.forward + small.layer;
  const Session limited(clip(), engine::load_model(model_, options), control);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find(" 0 of 2 layers of each of 2 networks stay on the device"),
            std::string::npos)
      << notes[0];
  const auto clip_of = [](const Session& session) {
    engine::DenseAttention dense;
    const Denoised made = session.denoise(session.encode("a red ball"), 3, dense, "denoise");
    return std::pair(made.latents, session.decode(made.latents, "decode"));
  };
  const auto expected = clip_of(whole);
  for (int again = 0; again < 2; ++again) {
    const auto found = clip_of(limited);
    EXPECT_TRUE(found.first.equal(expected.first));
    EXPECT_TRUE(found.second.equal(expected.second));
  }
  options.memory = *options.memory - 1;
  EXPECT_THROW(engine::load_model(model_, options), Error);
}

TEST_F(Experts, have_tables_of_their_own_in_a_plan_that_was_searched) {
  SearchOptions options{.clip = clip(), .prompts = {"a red ball"}, .points = 4, .map_size = 8};
  options.solve.budget = 0.6;
  options.out = folder_ / "plan.json";
  search(options, {});
  const Plan plan = read_plan(options.out);
  EXPECT_EQ(plan.model.experts, (std::vector<std::string>{"high_noise", "low_noise"}));
  ASSERT_TRUE(plan.profile);
  EXPECT_EQ(plan.profile->expert_boundary, kBoundary);

  GenerateOptions made{.clip = clip(), .prompts = {"a red ball"}, .seed = 3};
  made.plan = options.out;
  made.keep_frames = true;
  const report::GeneratedClip sparse = generate(made, {}).clips.at(0);
  EXPECT_GT(sparse.attention.sparse_calls, 0);
  EXPECT_TRUE(sparse.attention.fallbacks.empty());
  EXPECT_LE(sparse.density, 0.6 + 1e-9);
}

TEST_F(Experts, count_both_in_the_facts_and_the_fingerprint) {
  const std::string before = model_fingerprint(model_);
  const std::int64_t both = read_model_facts(model_).weight_bytes;
  const auto low = static_cast<std::int64_t>(fs::file_size(model_ / "low/dit.safetensors"));
  const auto others = static_cast<std::int64_t>(fs::file_size(model_ / "dit.safetensors") +
                                                fs::file_size(model_ / "vae.safetensors") +
                                                fs::file_size(model_ / "text.safetensors"));
  EXPECT_EQ(both, low + others);
  tests::write_tiny_model(model_ / "low", {.seed = 10});
  EXPECT_NE(model_fingerprint(model_), before);
}

}  // namespace
}  // namespace twill::jobs
