// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kept_text.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <string>

#include "jobs/scratch_folder.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Rows that differ from prompt to prompt, with zeros behind those of the text; counts its calls.
class Counted final : public engine::TextEncoder {
 public:
  explicit Counted(int& calls) : calls_(calls) {}
  std::int64_t text_dim() const override { return 6; }
  const std::vector<std::string>* words() const override { return nullptr; }
  std::string note(const engine::Prompt& prompt) const override { return "about " + prompt.text(); }
  at::Tensor encode(const engine::Prompt& given) const override {
    const std::string prompt = given.text();
    require(!prompt.empty(), ErrorCode::kUsage, "an empty prompt");
    ++calls_;
    at::Tensor rows = at::zeros({1, 8, 6});
    const auto length = std::min<std::int64_t>(8, std::ssize(prompt));
    rows.narrow(1, 0, length) +=
        at::arange(6 * length, at::kFloat).view({1, length, 6}) + static_cast<double>(prompt[0]);
    rows *= given.parts.front().weight;
    return rows;
  }

 private:
  int& calls_;
};

class KeptTexts : public ::testing::Test {
 protected:
  KeptText text(const std::string& made_with = "an encoder", std::int64_t most = 1 << 20) {
    return {std::make_unique<Counted>(calls_), folder_, made_with, most};
  }
  at::Tensor expected(const engine::Prompt& prompt) {
    int calls = 0;
    return Counted(calls).encode(prompt);
  }
  std::vector<fs::path> files() const {
    return {fs::directory_iterator(folder_), fs::directory_iterator()};
  }

  const tests::ScratchFolder scratch_;
  const fs::path folder_ = scratch_ / "cache/prompts";
  int calls_ = 0;
};

TEST_F(KeptTexts, a_prompt_is_encoded_once) {
  for (const std::string prompt : {"ball", "a red ball that rolls", "ball"}) {
    EXPECT_TRUE(at::equal(text().encode(prompt), expected(prompt))) << prompt;
  }
  EXPECT_EQ(calls_, 2);
  EXPECT_EQ(text().note("ball"), "about ball");
  EXPECT_EQ(text().text_dim(), 6);
}

TEST_F(KeptTexts, another_encoder_has_its_own) {
  text().encode("ball");
  text("another encoder").encode("ball");
  EXPECT_EQ(calls_, 2);
}

// Parts are cut into tokens one by one, so the same letters in other parts are another prompt.
TEST_F(KeptTexts, weights_and_parts_are_of_the_prompt) {
  const engine::Prompt prompts[] = {"ball 2",
                                    engine::Prompt({{"ball 2", 1.5}}),
                                    engine::Prompt({{"ball 2", 1.1}}),
                                    engine::Prompt({{"ball 2", 1.1 * 1.1}}),
                                    engine::Prompt({{"ball", 1.5}, {" 2", 1.0}}),
                                    engine::Prompt({{"ball ", 1.5}, {"2", 1.0}}),
                                    engine::Prompt({{"ball\n1.0 1 2", 1.5}}),
                                    engine::Prompt({{"ball", 1.5}, {"2", 1.0}})};
  for (const bool again : {false, true}) {
    for (const engine::Prompt& prompt : prompts) {
      EXPECT_TRUE(at::equal(text().encode(prompt), expected(prompt))) << prompt.text() << again;
    }
  }
  EXPECT_EQ(calls_, 8);
}

TEST_F(KeptTexts, one_part_of_weight_1_is_the_text_itself) {
  text().encode("ball");
  text().encode(engine::Prompt({{"ball", 1.0}}));
  EXPECT_EQ(calls_, 1);
}

TEST_F(KeptTexts, errors_are_not_kept) {
  EXPECT_THROW(text().encode(""), Error);
  EXPECT_THROW(text().encode(""), Error);
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(KeptTexts, damaged_files_are_made_anew) {
  text().encode("ball");
  const fs::path file = files().at(0);
  const auto size = fs::file_size(file);
  for (const std::uintmax_t left : {std::uintmax_t{0}, std::uintmax_t{7}, size - 1}) {
    fs::resize_file(file, left);
    EXPECT_TRUE(at::equal(text().encode("ball"), expected("ball"))) << left;
    EXPECT_EQ(fs::file_size(file), size);
  }
  EXPECT_EQ(calls_, 4);
}

// Two keys of one hash, or a file that somebody copied: what it says of itself decides.
TEST_F(KeptTexts, another_prompts_file_is_not_taken) {
  text().encode("ball");
  const fs::path ball = files().at(0);
  text().encode("cube");
  const fs::path cube = files().at(0) == ball ? files().at(1) : files().at(0);
  fs::copy_file(ball, cube, fs::copy_options::overwrite_existing);
  EXPECT_TRUE(at::equal(text().encode("cube"), expected("cube")));
  EXPECT_EQ(calls_, 3);
}

TEST_F(KeptTexts, the_longest_unused_go) {
  text().encode("aaaaaaaa");
  const auto bytes = static_cast<std::int64_t>(fs::file_size(files().at(0)));
  fs::last_write_time(files().at(0), fs::file_time_type::clock::now() - 2h);
  text().encode("bbbbbbbb");
  for (const fs::path& file : files()) {
    if (fs::last_write_time(file) > fs::file_time_type::clock::now() - 1h) {
      fs::last_write_time(file, fs::file_time_type::clock::now() - 1h);
    }
  }
  text().encode("aaaaaaaa");  // used again
  EXPECT_EQ(calls_, 2);
  text("an encoder", 2 * bytes + 16).encode("cccccccc");
  EXPECT_EQ(files().size(), 2u);
  text().encode("aaaaaaaa");
  EXPECT_EQ(calls_, 3);
  text().encode("bbbbbbbb");
  EXPECT_EQ(calls_, 4);
}

TEST_F(KeptTexts, nothing_is_needed_of_a_folder_that_cannot_be) {
  std::ofstream(scratch_ / "cache") << "a file";
  EXPECT_TRUE(at::equal(text().encode("ball"), expected("ball")));
  EXPECT_TRUE(at::equal(text().encode("ball"), expected("ball")));
  EXPECT_EQ(calls_, 2);
}

}  // namespace
}  // namespace twill::jobs
