// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/media/png.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "expect_error.h"
#include "jobs/scratch_folder.h"
#include "media/made_up_clips.h"
#include "png_encoders.h"
#include "twill/media/svg.h"
#include "twill/media/video_io.h"
#include "twill/plan/error.h"

namespace twill::media {
namespace {

using testing::random_picture;
using tests::ScratchFolder;

struct Case {
  const char* why;
  std::int32_t height;
  std::int32_t width;
};
const Case kCases[] = {{"one_pixel", 1, 1},
                       {"odd_sides", 7, 13},
                       {"wider_than_a_vector", 3, 257},
                       {"several_stored_blocks", 200, 150}};

#ifdef TWILL_HAS_VIDEO
TEST(Png, BothEncodersKeepEveryPixel) {
  for (const Case& c : kCases) {
    const ScratchFolder folder;
    const Picture picture = random_picture(c.height, c.width);
    write_png(folder / "a.png", picture);
    EXPECT_EQ(read_video(folder / "a.png").clip.rgb, picture.rgb) << c.why;
    const std::vector<std::uint8_t> plain = encode_plain_png(picture);
    std::ofstream(folder / "b.png", std::ios::binary)
        .write(reinterpret_cast<const char*>(plain.data()),
               static_cast<std::streamsize>(plain.size()));
    EXPECT_EQ(read_video(folder / "b.png").clip.rgb, picture.rgb) << c.why;
  }
}

TEST(Svg, IsDrawnAtTheWidthAskedFor) {
  if (!can_draw_svg()) {
    GTEST_SKIP() << "this libav has no SVG decoder";
  }
  const Picture picture = draw_svg(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20" width="40" height="20">)"
      R"(<rect width="40" height="20" fill="#123456"/><rect width="10" height="20" fill="#d55e00"/></svg>)",
      160);
  ASSERT_EQ(picture.height, 80);
  ASSERT_EQ(picture.width, 160);
  const auto pixel = [&](std::size_t y, std::size_t x) {
    const std::uint8_t* at = picture.rgb.data() + 3 * (y * 160 + x);
    return std::array<int, 3>{at[0], at[1], at[2]};
  };
  EXPECT_EQ(pixel(79, 159), (std::array<int, 3>{0x12, 0x34, 0x56}));
  EXPECT_EQ(pixel(0, 20), (std::array<int, 3>{0xd5, 0x5e, 0x00}));
}

TEST(Svg, ThatIsNoneIsRefused) {
  if (!can_draw_svg()) {
    GTEST_SKIP() << "this libav has no SVG decoder";
  }
  EXPECT_THROW(draw_svg("no drawing", 100), Error);
}

TEST(Png, IsCompressed) {
  const ScratchFolder folder;
  write_png(folder / "a.png", testing::flat_clip(1, 64, 64, 7));
  EXPECT_LT(std::filesystem::file_size(folder / "a.png"), 64u * 64u);
}
#endif

// The one pixel file by hand: lengths, names and checksums of https://www.w3.org/TR/png-3.
TEST(Png, PlainBytesAreThoseOfTheStandard) {
  const Picture pixel{.width = 1, .height = 1, .rgb = {255, 0, 128}};
  const std::vector<std::uint8_t> wanted = {
      0x89, 'P',  'N',  'G',  '\r', '\n', 0x1a, '\n',  //
      0,    0,    0,    13,   'I',  'H',  'D',  'R',  0,    0,    0,    1,
      0,    0,    0,    1,    8,    2,    0,    0,    0,  //
      0x90, 0x77, 0x53, 0xde,                             //
      0,    0,    0,    15,   'I',  'D',  'A',  'T',  0x78, 1,    1,    4,
      0,    0xfb, 0xff, 0,    255,  0,    128,         //
      0x03, 0x81, 0x01, 0x80, 0x30, 0x76, 0xcd, 0xb0,  //
      0,    0,    0,    0,    'I',  'E',  'N',  'D',  0xae, 0x42, 0x60, 0x82};
  EXPECT_EQ(encode_plain_png(pixel), wanted);
}

TEST(Png, AFrameOfAClipIsWrittenAsItLooks) {
  const ScratchFolder folder;
  const RgbClip clip = testing::random_clip(3, 8, 20);
  const RgbFrames second = RgbFrames(clip).at(1);
  const Picture alone{.width = 20, .height = 8, .rgb = {second.rgb.begin(), second.rgb.end()}};
  EXPECT_EQ(png_bytes(second), png_bytes(alone));
  EXPECT_NE(png_bytes(second), png_bytes(RgbFrames(clip).at(0)));
}

TEST(Png, RefusalsLeaveNothingBehind) {
  const ScratchFolder folder;
  EXPECT_ERROR(write_png(folder / "a.png", random_picture(1, 65536)),
               "a.png: a picture of 65536x1 is too large");
  EXPECT_THROW(write_png(folder / "a.png", Picture{.width = 2, .height = 2, .rgb = {1, 2, 3}}),
               std::logic_error);
  EXPECT_THROW(write_png(folder / "a.png", Picture{}), std::logic_error);
  EXPECT_ERROR(write_png(folder / "none/a.png", random_picture(2, 2)),
               "none/a.png: cannot be written: No such file or directory");
  std::filesystem::create_directories(folder / "taken.png" / "x");
  EXPECT_ERROR(write_png(folder / "taken.png", random_picture(2, 2)), "taken.png: cannot be");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace twill::media
