// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <limits>

#include "expect_error.h"
#include "jobs/scratch_folder.h"
#include "refusal.h"
#include "twill/plan/error.h"
#include "twill/report/clip_settings.h"

namespace twill::report {
namespace {

struct BadSetting {
  const char* why;
  std::function<void(ClipSettings&)> change;
  const char* text;
};
void PrintTo(const BadSetting& bad, std::ostream* stream) { *stream << bad.why; }

class BadSettings : public ::testing::TestWithParam<BadSetting> {};

TEST_P(BadSettings, are_refused_with_name_and_value) {
  ClipSettings settings;
  GetParam().change(settings);
  try {
    check_clip_settings(settings, model_family("wan2.1-t2v"));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_STREQ(error.what(), GetParam().text);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Values, BadSettings,
    ::testing::Values(
        BadSetting{"width_no_multiple_of_16", [](auto& s) { s.width = 250; },
                   "width 250 is not a multiple of 16 in 16..4096"},
        BadSetting{"height_zero", [](auto& s) { s.height = 0; },
                   "height 0 is not a multiple of 16 in 16..4096"},
        BadSetting{"height_negative", [](auto& s) { s.height = -16; },
                   "height -16 is not a multiple of 16 in 16..4096"},
        BadSetting{"frames_no_4n_plus_1", [](auto& s) { s.frames = 48; },
                   "frames 48 is not 4 n + 1 in 1..1025"},
        BadSetting{"frames_negative", [](auto& s) { s.frames = -3; },
                   "frames -3 is not 4 n + 1 in 1..1025"},
        BadSetting{"steps_negative", [](auto& s) { s.steps = -3; }, "steps -3 is not in 1..1000"},
        BadSetting{"shift_no_number",
                   [](auto& s) { s.shift = std::numeric_limits<double>::quiet_NaN(); },
                   "shift nan is not in (0, 100]"},
        BadSetting{"cfg_below_one", [](auto& s) { s.cfg = 0.5; }, "cfg 0.5 is not in 1..100"},
        BadSetting{"cfg_of_the_second_expert_below_one",
                   [](auto& s) { s.cfg = Guidance(4.0, 0.5); }, "cfg 0.5 is not in 1..100"},
        BadSetting{"cfg_of_two_experts", [](auto& s) { s.cfg = Guidance(4.0, 3.0); },
                   "cfg 4,3: a model of wan2.1-t2v has one network, which takes one scale"},
        BadSetting{"ram_negative", [](auto& s) { s.ram_gib = -1.0; },
                   "ram -1 is not in (0, 65536] GiB"},
        BadSetting{"fps_zero", [](auto& s) { s.fps = 0.0; }, "fps 0 is not in (0, 240]"},
        BadSetting{"threads_negative", [](auto& s) { s.threads = -1; },
                   "threads -1 is not in 0..1024"},
        BadSetting{"sampler_unknown", [](auto& s) { s.sampler = "heun"; },
                   "sampler \"heun\" is not one of euler, unipc, uni_pc, uni_pc_bh2"},
        BadSetting{"dtype_unknown", [](auto& s) { s.dtype = "int8"; },
                   "dtype \"int8\" is not one of float32, bfloat16, float16, float8"},
        BadSetting{"negative_prompt_in_latin_1", [](auto& s) { s.negative_prompt = "caf\xe9"; },
                   "negative prompt \"caf\\xe9\" is not UTF-8"}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(ClipSettings, what_is_left_out_is_the_models_business) {
  EXPECT_NO_THROW(check_clip_settings({}));
  EXPECT_NO_THROW(check_clip_settings({}, model_family("wan2.1-t2v")));
}

TEST(ClipSettings, steps_of_sizes_are_the_familys) {
  const ClipSettings clip{.width = 848, .height = 480, .frames = 163};
  EXPECT_NO_THROW(check_clip_settings(clip));
  EXPECT_NO_THROW(check_clip_settings(clip, model_family("mochi-1")));
  EXPECT_ERROR(check_clip_settings(clip, model_family("wan2.1-t2v")),
               "frames 163 is not 4 n + 1 in 1..1025");
  EXPECT_ERROR(check_clip_settings(clip, model_family("ltx-video")),
               "width 848 is not a multiple of 32 in 32..4096");
}

TEST(ClipSettings, sizes_that_no_model_has_are_refused_without_one) {
  EXPECT_ERROR(check_clip_settings({.width = 0}), "width 0 is not in 1..4096");
  EXPECT_ERROR(check_clip_settings({.height = 4097}), "height 4097 is not in 1..4096");
  EXPECT_ERROR(check_clip_settings({.frames = -3}), "frames -3 is not in 1..1025");
}

TEST(ParseSize, reads_width_and_height) {
  ClipSettings settings;
  parse_size("320x192", settings);
  EXPECT_EQ(settings.width, 320);
  EXPECT_EQ(settings.height, 192);
}

TEST(ParseSize, refuses_everything_else) {
  for (const char* text :
       {"", "x", "256", "256x", "x256", "256x256x3", "256 x 256", "1e2x16", "99999999999x16"}) {
    ClipSettings settings;
    EXPECT_THROW(parse_size(text, settings), Error) << text;
  }
}

TEST(ParseSize, follows_no_other_way_to_write_a_number) {
  ClipSettings settings;
  EXPECT_THROW(parse_size("0x10x16", settings), Error);
}

TEST(PromptWeightsNames, are_read_and_others_refused) {
  EXPECT_EQ(ClipSettings().prompt_weights, PromptWeights::kAuto);
  EXPECT_EQ(parse_prompt_weights("comfyui"), PromptWeights::kComfyUi);
  EXPECT_EQ(parse_prompt_weights("none"), PromptWeights::kNone);
  for (const std::string text : {"", "ComfyUI", "a1111"}) {
    EXPECT_EQ(tests::refusal([&] { parse_prompt_weights(text); }, ErrorCode::kUsage),
              "prompt weights \"" + text + "\" is not one of auto, comfyui, none");
  }
}

TEST(Seeds, are_those_of_comfyui) {
  EXPECT_EQ(parse_seed("0"), 0u);
  EXPECT_EQ(parse_seed("9223372036854775808"), std::uint64_t{1} << 63);
  EXPECT_EQ(parse_seed("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(seed_at(std::numeric_limits<std::uint64_t>::max() - 1, 1),
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(seed_at(std::numeric_limits<std::uint64_t>::max(), 2), 1u);
}

TEST(Seeds, others_are_refused_with_their_value) {
  for (const std::string text : {"", "-1", "18446744073709551616", "1e3", "0x10", " 1", "1.0"}) {
    try {
      parse_seed(text);
      FAIL() << text << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_EQ(error.what(),
                "seed \"" + text + "\" is not a whole number in 0..18446744073709551615");
    }
  }
}

TEST(CheckPrompts, names_the_one_that_is_not_utf8) {
  EXPECT_NO_THROW(check_prompts({"a red ball", "ein grüner Würfel"}));
  const auto refusal = [](const std::vector<std::string>& prompts) -> std::string {
    try {
      check_prompts(prompts);
      return "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
  };
  EXPECT_EQ(refusal({}), "no prompt");
  EXPECT_EQ(refusal({"a red ball", "caf\xe9"}), "prompt 2 \"caf\\xe9\" is not UTF-8");
}

TEST(ReadPrompts, leaves_out_comments_and_empty_lines) {
  const tests::ScratchFolder folder;
  std::ofstream(folder / "prompts.txt")
      << "# heading\n\n  a red ball \r\n\ta blue ball\n  # not this\n";
  EXPECT_EQ(read_prompts(folder / "prompts.txt"),
            (std::vector<std::string>{"a red ball", "a blue ball"}));
  EXPECT_EQ(read_prompts(folder / "prompts.txt", 1), (std::vector<std::string>{"a red ball"}));
}

TEST(ReadPrompts, a_comment_behind_a_byte_order_mark_is_one) {
  const tests::ScratchFolder folder;
  std::ofstream(folder / "prompts.txt") << "\xef\xbb\xbf# heading\r\na red ball\r\n";
  EXPECT_EQ(read_prompts(folder / "prompts.txt"), (std::vector<std::string>{"a red ball"}));
}

TEST(CheckPictures, a_model_and_its_pictures_fit) {
  ClipSettings settings;
  const auto from_text = [&] { check_pictures(settings, model_family("wan2.1-t2v")); };
  const auto from_picture = [&] { check_pictures(settings, model_family("wan2.2-i2v")); };
  from_text();
  EXPECT_ERROR(
      from_picture(),
      "a model of wan2.2-i2v makes a clip from a picture, and none was named: give --image");
  settings.end_image = "b.png";
  EXPECT_ERROR(from_text(),
               "a model of wan2.1-t2v makes a clip from text alone and takes no picture, but "
               "--end-image \"b.png\" was given");
  settings.image = "a.png";
  from_picture();
  EXPECT_ERROR(from_text(), "takes no picture, but --image \"a.png\" was given");
}

TEST(CheckPictures, a_first_frame_may_be_given_and_a_last_one_not) {
  ClipSettings settings;
  const auto check = [&] { check_pictures(settings, model_family("wan2.2-ti2v")); };
  check();
  settings.frames = 1;
  check();
  settings.image = "a.png";
  EXPECT_ERROR(check(),
               "a model of wan2.2-ti2v makes the start picture the clip's first frame, so a clip "
               "of one frame would be that picture: give more frames");
  settings.frames = 5;
  check();
  settings.frames.reset();
  check();
  for (const char* const start : {"a.png", ""}) {
    settings.image = start;
    settings.end_image = "b.png";
    EXPECT_ERROR(check(),
                 "a model of wan2.2-ti2v makes a clip from a start picture or from text alone and "
                 "takes no end picture, but --end-image \"b.png\" was given");
  }
}

TEST(ReadPrompts, names_the_file_in_every_refusal) {
  const tests::ScratchFolder folder;
  std::ofstream(folder / "empty.txt") << "# only this\n";
  std::ofstream(folder / "one.txt") << "a red ball\n";
  std::ofstream(folder / "large.txt") << std::string((1 << 20) + 1, 'a');
  const auto refusal = [&](const char* name, std::int64_t count) -> std::string {
    try {
      read_prompts(folder / name, count);
      return "accepted";
    } catch (const Error& error) {
      return error.what();
    }
  };
  const std::string at = folder.path().string() + "/";
  EXPECT_EQ(refusal("missing.txt", 0),
            at + "missing.txt: cannot be read: No such file or directory");
  EXPECT_EQ(refusal("empty.txt", 0), at + "empty.txt: holds no prompt");
  EXPECT_EQ(refusal("one.txt", 2), at + "one.txt: holds 1 prompts, but 2 were asked for");
  EXPECT_EQ(refusal("large.txt", 0), at + "large.txt: 1048577 bytes are more than 1048576");
}

}  // namespace
}  // namespace twill::report
