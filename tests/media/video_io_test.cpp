// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/media/video_io.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <ostream>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "expect_error.h"
#include "jobs/scratch_folder.h"
#include "media/made_up_clips.h"
#include "twill/media/video_metrics.h"
#include "video_io_formats.h"

namespace twill::media {
namespace {

using testing::flat_clip;
using testing::made_clip;
using testing::smooth_clip;
using tests::ScratchFolder;

std::int64_t entries_in(const ScratchFolder& folder) {
  return std::distance(std::filesystem::directory_iterator(folder.path()), {});
}

#ifndef TWILL_HAS_VIDEO

TEST(VideoIo, BuildsWithoutLibavSaySo) {
  const ScratchFolder folder;
  const RgbClip clip = flat_clip(2, 16, 16, 0);
  EXPECT_TRUE(writable_video_endings().empty());
  EXPECT_ERROR(check_video_file("a.mp4"), "a.mp4: this build was made without libav");
  EXPECT_ERROR(write_video(folder / "a.mp4", clip, 16), "this build was made without libav");
  EXPECT_ERROR(read_video(folder / "a.mp4"), "this build was made without libav");
  EXPECT_ERROR(check_video_file("a.avi"), "the ending \".avi\" is not one of a video");
  EXPECT_EQ(entries_in(folder), 0);
}

#else

struct Case {
  const char* why;
  const char* file;
  std::int32_t frames;
  std::int32_t height;
  std::int32_t width;
  double fps;
  double least_db;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.why; }

class RoundTrip : public ::testing::TestWithParam<Case> {};

TEST_P(RoundTrip, KeepsFramesSizeAndRate) {
  const Case& c = GetParam();
  try {
    check_video_file(c.file);
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  const ScratchFolder folder;
  const RgbClip clip = smooth_clip(c.frames, c.height, c.width);
  write_video(folder / c.file, clip, c.fps);
  EXPECT_EQ(entries_in(folder), 1);
  const Video video = read_video(folder / c.file);
  ASSERT_EQ(video.clip.frames, c.frames);
  ASSERT_EQ(video.clip.height, c.height);
  ASSERT_EQ(video.clip.width, c.width);
  // .webm counts milliseconds, .gif hundredths.
  EXPECT_NEAR(video.clip.fps, c.fps, 0.02 * c.fps);
  const double db = psnr(video.clip, clip);
  std::cout << c.why << ": " << db << " dB\n";
  EXPECT_GE(db, c.least_db);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, RoundTrip,
    ::testing::Values(Case{"mp4", "a.mp4", 17, 96, 160, 16, 38},
                      Case{"mp4_film_rate", "a.mp4", 5, 64, 64, 24000.0 / 1001.0, 38},
                      Case{"mp4_one_frame", "a.mp4", 1, 64, 64, 16, 38},
                      Case{"mp4_no_multiple_of_16", "a.mp4", 3, 50, 38, 16, 38},
                      Case{"capital_ending", "A.MP4", 2, 32, 32, 16, 38},
                      Case{"colon_is_no_protocol", "a:b.mp4", 2, 32, 32, 16, 38},
                      Case{"webm", "a.webm", 9, 96, 160, 16, 38},
                      Case{"gif", "a.gif", 9, 96, 160, 16, 30},
                      Case{"gif_odd_size", "a.gif", 3, 33, 47, 20, 30}),
    [](const auto& test) { return std::string(test.param.why); });

TEST(VideoIo, MetadataIsKept) {
  const ScratchFolder folder;
  const std::map<std::string, std::string> metadata = {
      {"prompt", "a red ball, \"Grüße\" = 100 %; 球\nnext line"},
      {"negative_prompt", ""},
      {"seed", "42"},
      {"a key of our own", "{\"steps\": 20}"}};
  const RgbClip clip = smooth_clip(2, 32, 32);
  write_video(folder / "a.mp4", clip, 16, metadata);
  const Video mp4 = read_video(folder / "a.mp4");
  for (const auto& [key, value] : metadata) {
    const auto found = mp4.metadata.find(key);
    // A key with an empty value is as good as none.
    EXPECT_EQ(found == mp4.metadata.end() ? "" : found->second, value) << key;
  }
  write_video(folder / "a.webm", clip, 16, metadata);
  const Video webm = read_video(folder / "a.webm");
  EXPECT_EQ(webm.metadata.at("prompt"), metadata.at("prompt"));
  EXPECT_EQ(webm.metadata.at("seed"), "42");
}

TEST(VideoIo, GifKeepsFewColoursExactly) {
  const ScratchFolder folder;
  const RgbClip clip = made_clip(3, 24, 24, [](int f, int y, int x, int c) {
    const bool band = f == 2 && y >= 3 && y < 7;
    return band ? 250 : c == 0 && y < 12 ? 201 : c == 2 && x >= 5 && x < 14 ? 77 : 0;
  });
  write_video(folder / "a.gif", clip, 10);
  EXPECT_EQ(read_video(folder / "a.gif").clip.rgb, clip.rgb);
}

#ifdef __GLIBC__
// Encoders must not look at memory that nobody wrote; glibc fills it as it is told.
TEST(VideoIo, EqualClipsGiveEqualBytesWhateverMemoryHeld) {
  const ScratchFolder folder;
  for (const std::int32_t width : {64, 96, 128, 832}) {
    // Waves that move, in grain.
    std::mt19937 random(1);
    std::normal_distribution<double> grain(0.0, 15.0);
    const RgbClip clip = made_clip(9, 64, width, [&](int f, int y, int x, int) {
      const double wave = 30.0 * std::sin(x / 7.0 + f / 2.0) * std::cos(y / 9.0 - f / 3.0);
      return std::clamp(std::lround(128.0 + wave + grain(random)), 0L, 255L);
    });
    // A .webm has a random number of its own in each file: its frames are compared.
    std::set<std::string> mp4;
    std::set<std::vector<std::uint8_t> > webm;
    for (const int fill : {0, 31, 91, 151, 211}) {
      mallopt(M_PERTURB, fill);
      write_video(folder / "a.mp4", clip, 16);
      write_video(folder / "a.webm", clip, 16);
      std::ifstream stream(folder / "a.mp4", std::ios::binary);
      mp4.emplace(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
      webm.insert(read_video(folder / "a.webm").clip.rgb);
    }
    mallopt(M_PERTURB, 0);
    EXPECT_EQ(mp4.size(), 1u) << "width " << width;
    EXPECT_EQ(webm.size(), 1u) << "width " << width;
  }
}
#endif

TEST(VideoIo, AnOlderFileIsReplaced) {
  const ScratchFolder folder;
  write_video(folder / "a.mp4", smooth_clip(2, 32, 32), 16);
  write_video(folder / "a.mp4", smooth_clip(3, 32, 32), 16);
  EXPECT_EQ(read_video(folder / "a.mp4").clip.frames, 3);
  EXPECT_EQ(entries_in(folder), 1);
}

TEST(VideoIo, EndingsAreAskedBeforeTheWork) {
  for (const std::string& ending : writable_video_endings()) {
    EXPECT_NO_THROW(check_video_file("a" + ending));
  }
  EXPECT_ERROR(check_video_file("out/a.avi"),
               "out/a.avi: the ending \".avi\" is not one of a video: .mp4, .webm, .gif, .webp");
  EXPECT_ERROR(check_video_file("clip"), "clip: the ending \"\" is not one of a video");
  EXPECT_EQ(cannot_encode({".x", "mp4", "no_such_encoder", false, 1.0}),
            "libav was built without no_such_encoder, which .x needs");
}

TEST(VideoIo, RefusalsNameTheValueAndLeaveNothingBehind) {
  const ScratchFolder folder;
  const RgbClip clip = smooth_clip(2, 32, 32);
  const auto file = folder / "a.mp4";
  EXPECT_ERROR(write_video(file, smooth_clip(1, 32, 31), 16),
               "a.mp4: .mp4 holds even sizes only, not 31x32");
  EXPECT_ERROR(write_video(folder / "a.webm", smooth_clip(1, 31, 32), 16), "not 32x31");
  EXPECT_ERROR(write_video(file, clip, 0), "a.mp4: 0 fps is not in 0.01..1000");
  EXPECT_ERROR(write_video(file, clip, std::numeric_limits<double>::quiet_NaN()), "nan fps");
  EXPECT_ERROR(write_video(folder / "a.gif", clip, 60), "60 fps is not in 0.01..50");
  EXPECT_THROW(write_video(file, RgbClip{.width = 32, .height = 32}, 16), std::logic_error);
  EXPECT_ERROR(write_video(file, flat_clip(2, 2, 19200, 0), 16),
               "a.mp4: 19200x2 is larger than 16383x16383");
  EXPECT_ERROR(write_video(folder / "none/a.mp4", clip, 16),
               "none/a.mp4: cannot be written: No such file or directory");
  EXPECT_EQ(entries_in(folder), 0);
  std::filesystem::create_directories(folder / "taken.mp4" / "x");
  EXPECT_ERROR(write_video(folder / "taken.mp4", clip, 16), "taken.mp4: cannot be written: ");
  EXPECT_EQ(entries_in(folder), 1);
}

TEST(VideoIo, FilesThatAreNoVideosAreRefused) {
  const ScratchFolder folder;
  EXPECT_ERROR(read_video(folder / "none.mp4"), "none.mp4: no such file");
  EXPECT_ERROR(read_video(folder.path()), "no such file");
  std::ofstream(folder / "text.mp4") << "no video";
  EXPECT_ERROR(read_video(folder / "text.mp4"), "text.mp4: cannot be read: ");
  // A list of other files: what a reader that trusts its input would follow.
  write_video(folder / "a.mp4", smooth_clip(2, 32, 32), 16);
  std::ofstream(folder / "list.mp4") << "ffconcat version 1.0\nfile a.mp4\n";
  EXPECT_ERROR(read_video(folder / "list.mp4"), "list.mp4: cannot be read: ");
}

// Whatever bytes are lost or changed, the answer is a clip or an Error.
TEST(VideoIo, DamagedFilesNeverCrash) {
  const ScratchFolder folder;
  for (const char* name : {"a.mp4", "a.webm", "a.gif"}) {
    write_video(folder / name, smooth_clip(4, 32, 32), 16);
    std::ifstream stream(folder / name, std::ios::binary);
    const std::string whole(std::istreambuf_iterator<char>(stream), {});
    for (std::size_t i = 0; i < 40; ++i) {
      std::string damaged = whole;
      if (i % 2 == 0) {
        damaged.resize(whole.size() * i / 40);
      } else {
        damaged[(i * 7919) % whole.size()] ^= 0x55;
      }
      const auto file = folder / concat("damaged-", name);
      std::ofstream(file, std::ios::binary) << damaged;
      try {
        EXPECT_TRUE(RgbFrames(read_video(file).clip).is_whole());
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kFile) << error.what();
      }
    }
  }
}

#endif

}  // namespace
}  // namespace twill::media
