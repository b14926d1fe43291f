// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <fstream>
#include <iterator>
#include <vector>

#include "engine/engine_support.h"
#include "twill/engine/noise.h"
#include "twill/media/svg.h"
#include "twill/media/video_io.h"
#include "twill/plan/error.h"
#include "video_io_formats.h"

namespace twill::media {
namespace {

using engine::make_noise;
using engine::testing::TempDir;

at::Tensor random_picture(std::int64_t height, std::int64_t width) {
  return (make_noise({height, width, 3}, 1) * 60 + 128).clamp(0, 255).to(at::kByte);
}

struct Case {
  const char* why;
  std::int64_t height;
  std::int64_t width;
};
const Case kCases[] = {{"one_pixel", 1, 1},
                       {"odd_sides", 7, 13},
                       {"wider_than_a_vector", 3, 257},
                       {"several_stored_blocks", 200, 150}};

#ifdef TWILL_HAS_VIDEO
TEST(Png, BothEncodersKeepEveryPixel) {
  for (const Case& c : kCases) {
    const TempDir folder;
    const at::Tensor picture = random_picture(c.height, c.width);
    write_png(folder / "a.png", picture);
    EXPECT_TRUE(read_video(folder / "a.png").frames[0].equal(picture)) << c.why;
    const std::vector<std::uint8_t> plain = encode_plain_png(picture);
    std::ofstream(folder / "b.png", std::ios::binary)
        .write(reinterpret_cast<const char*>(plain.data()),
               static_cast<std::streamsize>(plain.size()));
    EXPECT_TRUE(read_video(folder / "b.png").frames[0].equal(picture)) << c.why;
  }
}

TEST(Svg, IsDrawnAtTheWidthAskedFor) {
  if (!can_draw_svg()) {
    GTEST_SKIP() << "this libav has no SVG decoder";
  }
  const at::Tensor picture = draw_svg(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20" width="40" height="20">)"
      R"(<rect width="40" height="20" fill="#123456"/><rect width="10" height="20" fill="#d55e00"/></svg>)",
      160);
  ASSERT_EQ(picture.sizes(), (std::vector<std::int64_t>{80, 160, 3}));
  const auto pixel = [&](std::int64_t y, std::int64_t x) {
    const std::uint8_t* at = picture[y][x].const_data_ptr<std::uint8_t>();
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
  const TempDir folder;
  write_png(folder / "a.png", at::full({64, 64, 3}, 7, at::kByte));
  EXPECT_LT(std::filesystem::file_size(folder / "a.png"), 64u * 64u);
}
#endif

// The one pixel file by hand: lengths, names and checksums of https://www.w3.org/TR/png-3.
TEST(Png, PlainBytesAreThoseOfTheStandard) {
  const at::Tensor pixel = at::tensor({255, 0, 128}, at::kByte).view({1, 1, 3});
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

TEST(Png, ViewsAreWrittenAsTheyLook) {
  const TempDir folder;
  const at::Tensor wide = random_picture(8, 20);
  write_png(folder / "a.png", wide.narrow(1, 3, 5));
  write_png(folder / "b.png", wide.narrow(1, 3, 5).contiguous());
  const auto bytes = [&](const char* name) {
    std::ifstream stream(folder / name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  EXPECT_EQ(bytes("a.png"), bytes("b.png"));
  EXPECT_FALSE(bytes("a.png").empty());
}

TEST(Png, RefusalsLeaveNothingBehind) {
  const TempDir folder;
  EXPECT_ERROR(write_png(folder / "a.png", at::zeros({2, 2, 4}, at::kByte)),
               "a.png: a picture of shape [2, 2, 4] and dtype Byte is not [height, width, 3]");
  EXPECT_ERROR(write_png(folder / "a.png", at::zeros({2, 2, 3})), "dtype Float");
  EXPECT_ERROR(write_png(folder / "a.png", at::zeros({0, 2, 3}, at::kByte)), "shape [0, 2, 3]");
  EXPECT_ERROR(write_png(folder / "a.png", at::zeros({1, 1, 3}, at::kByte).expand({1, 65536, 3})),
               "a picture of 65536x1 is too large");
  EXPECT_ERROR(write_png(folder / "none/a.png", random_picture(2, 2)),
               "none/a.png: cannot be written: No such file or directory");
  std::filesystem::create_directories(folder / "taken.png" / "x");
  EXPECT_ERROR(write_png(folder / "taken.png", random_picture(2, 2)), "taken.png: cannot be");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace twill::media
