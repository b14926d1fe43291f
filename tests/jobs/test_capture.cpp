// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stop_token>
#include <vector>

#include "capturing_attention.h"
#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "refusal.h"
#include "session.h"
#include "twill/jobs/capture.h"
#include "twill/jobs/model_facts.h"

namespace twill::jobs {
namespace {

// By loops in double: [tokens][tokens], rows scaled to their greatest weight, not rounded.
std::vector<double> by_definition(const at::Tensor& q, const at::Tensor& k) {
  const std::int64_t tokens = q.size(0), dim = q.size(1);
  const at::Tensor queries = q.to(at::kDouble).contiguous(), keys = k.to(at::kDouble).contiguous();
  const auto a = queries.accessor<double, 2>(), b = keys.accessor<double, 2>();
  std::vector<double> map;
  for (std::int64_t i = 0; i < tokens; ++i) {
    std::vector<double> weight;
    double sum = 0.0;
    for (std::int64_t j = 0; j < tokens; ++j) {
      double dot = 0.0;
      for (std::int64_t d = 0; d < dim; ++d) {
        dot += a[i][d] * b[j][d];
      }
      weight.push_back(std::exp(dot / std::sqrt(static_cast<double>(dim))));
      sum += weight.back();
    }
    const double most = *std::max_element(weight.begin(), weight.end()) / sum;
    for (const double w : weight) {
      map.push_back(255.0 * (w / sum) / most);
    }
  }
  return map;
}

// Rounding is half a unit; fp32 scores of a few tens are off by 1e-5, of 255 that is 3e-3.
void expect_map(const std::uint8_t* cells, const std::vector<double>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(cells[i], expected[i], 0.51) << "cell " << i;
  }
}

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(shape, generator, at::kFloat);
}

// Scores of several tens of thousands of rows do not fit into one piece; 2100 x 2100 do not either.
TEST(CapturingAttention, MapsAreTheSoftmaxRowsOfTheWatchedCalls) {
  constexpr std::int64_t kTokens = 2100;
  const at::Tensor q = random({1, 2, kTokens, 8}, 1) * 2.0, k = random({1, 2, kTokens, 8}, 2) * 2.0;
  engine::DenseAttention dense;
  CapturingAttention attention(
      dense, {{.stack = 0, .layer = 1, .head = 1}, {.stack = 1, .layer = 1, .head = 0}}, kTokens,
      {});
  const engine::AttentionSite wanted{.layer = 1};
  attention.run(q * 3.0, k, q, wanted);  // before the watch
  attention.watch();
  attention.run(q * 3.0, k, q, {.layer = 0});
  const at::Tensor out = attention.run(q, k, q, wanted);
  EXPECT_TRUE(at::equal(out, dense.run(q, k, q, wanted)));
  EXPECT_FALSE(attention.complete());
  attention.run(q * 3.0, k, q, wanted);  // the other branch of the guidance
  attention.run(k, q, q, {.stack = 1, .layer = 1});
  EXPECT_TRUE(attention.complete());
  expect_map(attention.maps()[0].get(), by_definition(q[0][1], k[0][1]));
  expect_map(attention.maps()[1].get(), by_definition(k[0][0], q[0][0]));
}

class Capture : public ::testing::Test {
 protected:
  Capture() { tests::write_tiny_model(folder_ / "model"); }
  CaptureOptions options() const {
    return {.clip = {.model = folder_ / "model"},
            .prompt = "a red ball",
            .seed = 5,
            .t = 0.6,
            .heads = {{.layer = 1, .head = 0}, {.layer = 0, .head = 1}}};
  }
  tests::ScratchFolder folder_;
};

// Keeps what the network asks of one layer, step by step.
class Recorder final : public engine::SelfAttention {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override {
    if (site.layer == 1) {
      t.push_back(site.t);
      queries.push_back(q[0][0].clone());
      keys.push_back(k[0][0].clone());
    }
    return dense_.run(q, k, v, site);
  }
  std::vector<double> t;
  std::vector<at::Tensor> queries, keys;

 private:
  engine::DenseAttention dense_;
};

TEST_F(Capture, TakesTheStepNearestToT) {
  const CaptureOptions options = this->options();
  const CaptureResult result = capture_attention(options, {});
  const JobControl control;
  const Session session(options.clip, control);
  Recorder recorder;
  session.denoise(session.encode(options.prompt), options.seed, recorder, "recorded");
  std::size_t nearest = 0;
  for (std::size_t i = 0; i < recorder.t.size(); ++i) {
    nearest = std::abs(recorder.t[i] - 0.6) < std::abs(recorder.t[nearest] - 0.6) ? i : nearest;
  }
  EXPECT_DOUBLE_EQ(result.t, recorder.t[nearest]);
  EXPECT_EQ(result.layout, session.layout());
  ASSERT_EQ(result.maps.size(), 2U);
  // Attention by the kernels is not ATen's to the bit, and by this step the clips have drifted: but
  // no other step comes as near.
  std::vector<double> distance;
  for (std::size_t step = 0; step < recorder.t.size(); ++step) {
    const std::vector<double> expected = by_definition(recorder.queries[step], recorder.keys[step]);
    double sum = 0.0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      sum += std::abs(result.maps[0].get()[i] - expected[i]);
    }
    distance.push_back(sum / static_cast<double>(expected.size()));
  }
  EXPECT_LT(distance[nearest], 0.5);
  for (std::size_t step = 0; step < distance.size(); ++step) {
    if (step != nearest) {
      EXPECT_GT(distance[step], 2.0 * distance[nearest]) << step;
    }
  }
}

TEST_F(Capture, MemoryIsSaidBeforehand) {
  const ModelFacts facts = read_model_facts(folder_ / "model");
  EXPECT_EQ(capture_map_bytes(facts, options().clip, 3), 3 * 576 * 576);
  EXPECT_GE(capture_memory_bytes(facts, options().clip, 3), facts.weight_bytes + 3 * 576 * 576);
}

TEST_F(Capture, RefusesWhatTheModelDoesNotHave) {
  const auto message = [&](CaptureOptions options) -> std::string {
    return tests::refusal([&] { capture_attention(options, {}); });
  };
  CaptureOptions wrong = options();
  wrong.heads = {{.layer = 2, .head = 0}};
  EXPECT_NE(message(wrong).find("has no layer 2, head 0: it has 2 layers of 2 heads"),
            std::string::npos)
      << message(wrong);
  wrong.heads = {{.expert = 1}};
  EXPECT_NE(message(wrong).find("has no expert 1"), std::string::npos) << message(wrong);
  wrong.heads = {};
  EXPECT_EQ(message(wrong), "no head to capture");
  wrong = options();
  wrong.t = 1.5;
  EXPECT_EQ(message(wrong),
            "t 1.5 is not within 0..1 (a model's timestep divided by its training range)");
  // More than any machine has.
  wrong = options();
  wrong.heads.assign(10'000'000, {.layer = 0, .head = 0});
  EXPECT_NE(message(wrong).find("choose fewer heads"), std::string::npos) << message(wrong);
}

TEST_F(Capture, AStopIsObeyed) {
  std::stop_source stop;
  const JobControl control{.progress =
                               [&](const Progress& progress) {
                                 if (progress.done > 0) {
                                   stop.request_stop();
                                 }
                               },
                           .stop = stop.get_token()};
  CaptureOptions late = options();
  late.t = 0.0;
  EXPECT_THROW(capture_attention(late, control), Cancelled);
}

}  // namespace
}  // namespace twill::jobs
