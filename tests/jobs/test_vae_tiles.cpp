// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a session does where the VAE's memory is short.
#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "session.h"
#include "twill/engine/noise.h"
#include "twill/engine/wan_vae.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

using engine::VaeTiles;

// Of the VAE that it is given, with less memory than it says: more than `room` are out of it.
class ScarceVae final : public engine::Vae {
 public:
  ScarceVae(std::unique_ptr<engine::Vae> vae, std::int64_t room, std::vector<VaeTiles>& tried)
      : vae_(std::move(vae)), room_(room), tried_(tried) {}

  at::Tensor decode(const at::Tensor& latents, const engine::VaeOptions& options) const override {
    tried_.push_back(options.tiles);
    const engine::LatentGrid cells{latents.size(2), latents.size(3), latents.size(4)};
    if (bytes(engine::VaeWork::kDecode, cells, options.tiles) > room_) {
      throw c10::OutOfMemoryError({__func__, __FILE__, 1}, "CUDA out of memory");
    }
    return vae_->decode(latents, options);
  }
  at::Tensor encode(const at::Tensor& video, const engine::VaeOptions& options) const override {
    return vae_->encode(video, options);
  }
  std::int64_t bytes(engine::VaeWork work, const engine::LatentGrid& cells,
                     const VaeTiles& tiles) const override {
    return vae_->bytes(work, cells, tiles);
  }

 private:
  std::unique_ptr<engine::Vae> vae_;
  std::int64_t room_;
  std::vector<VaeTiles>& tried_;
};

class VaeInTiles : public ::testing::Test {
 protected:
  VaeInTiles() {
    ::setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1);
    tests::write_tiny_model(model_);
    control_.note = [&](const std::string& note) { notes_.push_back(note); };
  }

  report::ClipSettings clip() const {
    return {.model = model_, .width = 512, .height = 256, .frames = 5, .dtype = "float32"};
  }
  engine::VideoModel load(std::optional<std::int64_t> memory) const {
    return engine::load_model(model_, {.device = c10::kCPU,
                                       .dtype = c10::kFloat,
                                       .memory = memory,
                                       .size = [](const engine::ModelDefaults&) {
                                         return ClipSize{512, 256, 5};
                                       }});
  }
  std::int64_t bytes(const VaeTiles& tiles) const {
    return load({}).vae->bytes(engine::VaeWork::kDecode, {2, 32, 64}, tiles);
  }
  // Of memory so that the VAE has `room`, which is less than a step takes.
  engine::VideoModel with_room(std::int64_t room) const {
    engine::VideoModel model = load(1LL << 40);
    model.memory->budget += room - model.memory->room();
    return model;
  }

  const tests::ScratchFolder folder_;
  const std::filesystem::path model_ = folder_ / "model";
  std::vector<std::string> notes_;
  JobControl control_;
  const at::Tensor latents_ = engine::make_noise({1, 16, 2, 32, 64}, 3);
};

// fp32 in another order of sums can turn an 8-bit level.
void expect_same(const at::Tensor& made, const at::Tensor& whole) {
  const at::Tensor away = (made.to(at::kInt) - whole.to(at::kInt)).abs();
  EXPECT_LE(away.max().item<int>(), 1);
  EXPECT_LT(away.to(at::kFloat).mean().item<float>(), 1e-3F);
}

TEST_F(VaeInTiles, is_asked_for_no_more_than_what_is_left) {
  const Session enough(clip(), with_room(bytes({})), control_);
  const at::Tensor whole = enough.decode(latents_, "decode");
  EXPECT_TRUE(notes_.empty());
  const Session limited(clip(), with_room(bytes({1, 2})), control_);
  expect_same(limited.decode(latents_, "decode"), whole);
  limited.decode(latents_, "decode again");
  ASSERT_EQ(notes_.size(), 1U) << "one sentence for all clips";
  EXPECT_EQ(
      notes_[0],
      concat("the VAE decodes in 2 tiles (1 x 2), for whole frames would take about ",
             engine::gib_text(bytes({})), " of the device's memory beside what stands there, and ",
             engine::gib_text(bytes({1, 2})), " are left"));
}

TEST_F(VaeInTiles, goes_on_in_smaller_ones_where_memory_runs_out) {
  const at::Tensor whole = Session(clip(), load({}), control_).decode(latents_, "decode");
  std::vector<VaeTiles> tried;
  engine::VideoModel model = load({});
  model.vae = std::make_unique<ScarceVae>(std::move(model.vae), bytes({2, 2}), tried);
  const Session session(clip(), std::move(model), control_);
  expect_same(session.decode(latents_, "decode"), whole);
  ASSERT_GE(tried.size(), 2U);
  EXPECT_EQ(tried.front(), VaeTiles());
  const VaeTiles last = tried.back();
  EXPECT_GT(last.count(), 1);
  ASSERT_FALSE(notes_.empty());
  EXPECT_EQ(notes_.back(),
            concat("the VAE decodes in ", last.count(), " tiles (", last.rows, " x ", last.cols,
                   "), for the device had too little memory left for "
                   "larger parts of a frame"));
  tried.clear();
  session.decode(latents_, "decode");
  EXPECT_EQ(tried, std::vector<VaeTiles>{last}) << "what was learnt is kept";
}

TEST_F(VaeInTiles, says_so_where_the_smallest_do_not_fit) {
  std::vector<VaeTiles> tried;
  engine::VideoModel model = load({});
  model.vae = std::make_unique<ScarceVae>(std::move(model.vae), 0, tried);
  const Session session(clip(), std::move(model), control_);
  try {
    session.decode(latents_, "decode dense");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kSystem);
    EXPECT_TRUE(
        std::string(error.what()).starts_with("decode dense: the device has no memory left"))
        << error.what();
  }
  EXPECT_EQ(tried.back(), (VaeTiles{2, 4})) << "the smallest of all were tried";
}

}  // namespace
}  // namespace twill::jobs
