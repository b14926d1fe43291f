// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kept_steps.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "jobs/scratch_folder.h"
#include "jobs/start_picture.h"
#include "jobs/tiny_model.h"
#include "session.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

// Dense attention that asks for a stop in its call of that number.
class Interrupted final : public engine::SelfAttention {
 public:
  Interrupted(std::int64_t last_call, std::stop_source& stop)
      : last_call_(last_call), stop_(stop) {}
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override {
    if (++calls == last_call_) {
      stop_.request_stop();
    }
    return dense_.run(q, k, v, site);
  }
  std::int64_t calls = 0;

 private:
  std::int64_t last_call_;
  std::stop_source& stop_;
  engine::DenseAttention dense_;
};

struct InterruptedClip {
  const char* sampler;
  bool from_picture = false;  // which is its first frame
};
void PrintTo(const InterruptedClip& clip, std::ostream* stream) { *stream << clip.sampler; }

class InterruptedClips : public ::testing::TestWithParam<InterruptedClip> {
 protected:
  void SetUp() override {
    tests::write_tiny_model(model_, {.seed = 3, .first_frame = GetParam().from_picture});
    if (GetParam().from_picture) {
      tests::write_start_picture(scratch_ / "start.png");
    }
  }

  report::ClipSettings clip() const {
    return {.model = model_,
            .steps = 5,
            .sampler = GetParam().sampler,
            .dtype = "float32",
            .image = GetParam().from_picture ? scratch_ / "start.png" : fs::path()};
  }
  std::vector<fs::path> files() const {
    std::error_code code;
    return {fs::directory_iterator(folder_, code), fs::directory_iterator()};
  }

  const tests::ScratchFolder scratch_;
  const fs::path model_ = scratch_ / "model";
  const fs::path folder_ = scratch_ / "unfinished";
};

// Stopped in each of its steps, a clip goes on behind the one before, and comes out the same.
TEST_P(InterruptedClips, go_on_after_their_last_finished_step) {
  const JobControl whole;
  const Session session(clip(), whole);
  engine::DenseAttention dense;
  const at::Tensor expected =
      session.denoise(session.encode("a red ball"), 7, dense, "denoise").latents;
  const std::int64_t layers = session.model().facts().stacks[0].layers;
  for (std::int64_t step = 0; step < 5; ++step) {
    {
      std::stop_source source;
      JobControl control;
      control.stop = source.get_token();
      const Session stopped(clip(), control);
      Interrupted attention(layers * step + 1, source);
      KeptSteps kept(folder_, "a clip", 0.0);
      EXPECT_THROW(
          stopped.denoise(stopped.encode("a red ball"), 7, attention, "denoise", {.kept = &kept}),
          Cancelled);
    }
    std::vector<std::string> notes;
    JobControl control;
    control.note = [&](const std::string& note) { notes.push_back(note); };
    const Session again(clip(), control);
    std::stop_source never;
    Interrupted counted(-1, never);
    KeptSteps kept(folder_, "a clip", 0.0);
    const Denoised made =
        again.denoise(again.encode("a red ball"), 7, counted, "denoise", {.kept = &kept});
    EXPECT_TRUE(made.latents.equal(expected)) << step;
    EXPECT_EQ(counted.calls, layers * (5 - step)) << step;
    if (step > 0) {
      ASSERT_EQ(notes.size(), 1u);
      EXPECT_NE(notes[0].find("goes on after step " + std::to_string(step) + " of 5"),
                std::string::npos)
          << notes[0];
    }
    kept.finish();
    EXPECT_TRUE(files().empty());
  }
}

// The sampling is done and the VAE failed: nothing is computed again.
TEST_P(InterruptedClips, are_whole_where_all_steps_were_made) {
  const JobControl control;
  const Session session(clip(), control);
  std::stop_source never;
  at::Tensor first;
  {
    Interrupted attention(-1, never);
    KeptSteps kept(folder_, "a clip", 0.0);
    first = session.denoise(session.encode("a"), 7, attention, "denoise", {.kept = &kept}).latents;
  }
  Interrupted none(-1, never);
  KeptSteps kept(folder_, "a clip", 0.0);
  const Denoised made = session.denoise(session.encode("a"), 7, none, "denoise", {.kept = &kept});
  EXPECT_TRUE(made.latents.equal(first));
  EXPECT_EQ(none.calls, 0);
}
INSTANTIATE_TEST_SUITE_P(
    Samplers, InterruptedClips,
    ::testing::Values(InterruptedClip{"euler"}, InterruptedClip{"unipc"}, InterruptedClip{"uni_pc"},
                      InterruptedClip{"euler", true}, InterruptedClip{"unipc", true}),
    [](const auto& row) {
      return concat(row.param.sampler, row.param.from_picture ? "_from_a_picture" : "");
    });

class Remembering final : public engine::Sampler {
 public:
  std::vector<double> t() const override { return {}; }
  at::Tensor step(std::size_t, const at::Tensor& x, const at::Tensor&) override { return x; }
  std::vector<at::Tensor> state() const override { return {at::full({2}, 3.0), at::Tensor()}; }
  void resume(std::size_t, std::vector<at::Tensor>) override {}
};

class KeptStepsFiles : public ::testing::Test {
 protected:
  void keep(const std::string& key, double worth_seconds = 0.0, std::int64_t most = 1 << 20) {
    KeptSteps(folder_, key, worth_seconds, most).done(4, at::full({8}, 2.0), Remembering());
  }
  std::vector<fs::path> files() const {
    std::error_code code;
    return {fs::directory_iterator(folder_, code), fs::directory_iterator()};
  }
  const tests::ScratchFolder scratch_;
  const fs::path folder_ = scratch_ / "unfinished";
};

TEST_F(KeptStepsFiles, hold_what_the_sampler_remembers) {
  keep("a clip");
  const std::optional<KeptSteps::Found> found = KeptSteps(folder_, "a clip").find();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->next, 4);
  EXPECT_TRUE(found->x.equal(at::full({8}, 2.0)));
  EXPECT_TRUE(found->state.at(0).equal(at::full({2}, 3.0)));
  EXPECT_FALSE(found->state.at(1).defined());
  EXPECT_FALSE(KeptSteps(folder_, "another clip").find());
}

TEST_F(KeptStepsFiles, are_not_written_for_little_work) {
  keep("a clip", 1000.0);
  EXPECT_TRUE(files().empty());
}

TEST_F(KeptStepsFiles, that_are_damaged_or_anothers_are_none) {
  keep("a clip");
  const fs::path file = files().at(0);
  const auto size = fs::file_size(file);
  for (const std::uintmax_t left : {size - 1, std::uintmax_t{9}, std::uintmax_t{0}}) {
    fs::resize_file(file, left);
    EXPECT_FALSE(KeptSteps(folder_, "a clip").find()) << left;
  }
  keep("another clip");
  for (const fs::path& each : files()) {
    if (each != file) {
      fs::copy_file(each, file, fs::copy_options::overwrite_existing);
    }
  }
  EXPECT_FALSE(KeptSteps(folder_, "a clip").find());
}

TEST_F(KeptStepsFiles, of_old_clips_go) {
  keep("first");
  const auto bytes = static_cast<std::int64_t>(fs::file_size(files().at(0)));
  fs::last_write_time(files().at(0), fs::file_time_type::clock::now() - std::chrono::hours(1));
  keep("second", 0.0, bytes + 16);
  EXPECT_EQ(files().size(), 1u);
  EXPECT_TRUE(KeptSteps(folder_, "second").find());
}

}  // namespace
}  // namespace twill::jobs
