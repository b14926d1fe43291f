// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <fstream>
#include <limits>
#include <ostream>
#include <random>
#include <string>

#include "engine_support.h"
#include "gguf_blocks.h"
#include "gguf_header.h"
#include "small_gguf.h"
#include "twill/engine/wan_dit.h"

namespace twill::engine {
namespace {

using testing::gguf_array;
using testing::gguf_tensor;
using testing::gguf_text;
using testing::gguf_value;
using testing::number;
using testing::SmallGguf;
using testing::TempDir;

constexpr std::uint32_t kF32 = 0, kQ8_0 = 8, kQ4_K = 12, kIq4Xs = 23, kI32 = 26;
constexpr std::uint32_t kUint32 = 4, kInt32 = 5, kBool = 7, kString = 8, kArray = 9, kUint64 = 10;

std::filesystem::path written(const TempDir& folder, const std::string& bytes) {
  // Told by its bytes, not by its name.
  std::ofstream(folder / "a.safetensors", std::ios::binary) << bytes;
  return folder / "a.safetensors";
}

// One row of a block: scale 0.5, numbers -16 to 15.
SmallGguf one_block() {
  SmallGguf file{.tensors = {gguf_tensor("x", {32, 1}, kQ8_0, 0)},
                 .data = number<std::uint16_t>(0x3800)};
  for (int i = -16; i < 16; ++i) {
    file.data += static_cast<char>(i);
  }
  return file;
}

TEST(Gguf, ABlockIsReadAsTheNumbersThatItStandsFor) {
  const TempDir folder;
  const Weights weights = Weights::open(written(folder, one_block().bytes()));
  const at::Tensor exact = at::arange(-16, 16).to(at::kFloat).mul(0.5).reshape({1, 32});
  EXPECT_EQ(weights.shape("x"), (std::vector<std::int64_t>{1, 32}));
  EXPECT_EQ(weights.dtype("x"), at::kFloat);
  EXPECT_TRUE(weights.get("x").equal(exact));
  EXPECT_TRUE(weights.get("x", {1, 32}, at::kHalf).equal(exact.to(at::kHalf)));
  EXPECT_TRUE(weights.get_rows("x", {1, 32}, {0, 0}, at::kFloat).equal(exact.expand({2, 32})));
  EXPECT_EQ(weights.gguf()->all().size(), 0U);
}

TEST(Gguf, RowsThatShareABlockAreReadWithTheWhole) {
  const TempDir folder;
  SmallGguf file = one_block();
  file.values = {gguf_array("comfy.gguf.orig_shape.x", kInt32, 2, number(4) + number(8))};
  const Weights weights = Weights::open(written(folder, file.bytes()));
  const at::Tensor exact = at::arange(-16, 16).to(at::kFloat).mul(0.5).reshape({4, 8});
  EXPECT_TRUE(weights.get_rows("x", {4, 8}, {3, 1}, at::kFloat)
                  .equal(exact.index_select(0, at::tensor({3, 1}))));
}

TEST(Gguf, ValuesComeBackByTheirKinds) {
  const TempDir folder;
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const SmallGguf file{
      .values = {gguf_value("text", kString, gguf_text("wan")),
                 gguf_value("flag", kBool, std::string(1, '\1')),
                 gguf_value("number", kUint32, number(7u)),
                 gguf_value("negative", kInt32, number(-7)),
                 gguf_value("huge", kUint64, number(most)),
                 gguf_array("numbers", kInt32, 2, number(1) + number(-2)),
                 gguf_array("floats", 6, 2, number(0.5f) + number(-2.0f)),
                 gguf_array("texts", kString, 2, gguf_text("") + gguf_text("b\xc3\xa4r")),
                 gguf_array("bytes", 0, 3, std::string("a\0b", 3)),
                 gguf_array("none", kString, 0, "")},
      .version = 2};
  const Weights weights = Weights::open(written(folder, file.bytes()));
  const GgufValues& values = *weights.gguf();
  EXPECT_EQ(weights.metadata(), (std::map<std::string, std::string>{{"text", "wan"}}));
  EXPECT_EQ(values.text("text"), "wan");
  EXPECT_TRUE(values.flag("flag"));
  EXPECT_EQ(values.integer("number"), 7);
  EXPECT_EQ(values.integer("negative"), -7);
  EXPECT_EQ(values.integer("huge"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(values.integers("numbers"), (std::vector<std::int64_t>{1, -2}));
  EXPECT_EQ(values.floats("floats"), (std::vector<float>{0.5f, -2.0f}));
  EXPECT_EQ(values.texts("texts"), (std::vector<std::string_view>{"", "b\xc3\xa4r"}));
  EXPECT_EQ(values.bytes("bytes"), std::string_view("a\0b", 3));
  EXPECT_TRUE(values.texts("none").empty());
  EXPECT_ERROR(values.text("missing"), "a.safetensors: the header's missing is missing");
  EXPECT_ERROR(values.text("number"), "the header's \"number\" is not a text");
  EXPECT_ERROR(values.integer("text"), "the header's \"text\" is not a whole number");
  EXPECT_ERROR(values.integer("numbers"), "the header's \"numbers\" is not a whole number");
  EXPECT_ERROR(values.flag("number"), "the header's \"number\" is not true or false");
  EXPECT_ERROR(values.integers("floats"), "\"floats\" is not an array of whole numbers");
  EXPECT_ERROR(values.floats("numbers"), "is not an array of 32-bit floating-point numbers");
  EXPECT_ERROR(values.texts("numbers"), "\"numbers\" is not an array of texts");
  EXPECT_ERROR(values.bytes("numbers"), "\"numbers\" is not an array of bytes");
}

TEST(Gguf, TypesThatAreNotReadAreNamedButLookedAt) {
  const TempDir folder;
  const SmallGguf file{.tensors = {gguf_tensor("blocks.0.ffn.0.weight", {256}, kIq4Xs, 0)},
                       .data = std::string(136, '\0')};
  const std::filesystem::path path = written(folder, file.bytes());
  EXPECT_ERROR(Weights::open(path),
               "a.safetensors: tensor blocks.0.ffn.0.weight is of type IQ4_XS; known are F32, F16, "
               "BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q3_K, Q2_K, Q5_1, Q5_0, Q4_1, Q4_0, F64, I64, I32, "
               "I16, I8; use the model's file of one of these");
  const Weights weights = Weights::open_unscaled(path);
  EXPECT_EQ(weights.shape("blocks.0.ffn.0.weight"), std::vector<std::int64_t>{256});
  EXPECT_ERROR(weights.get("blocks.0.ffn.0.weight"), "is of type IQ4_XS; known are");
}

TEST(Gguf, AnotherModelsFileIsNoWanTransformer) {
  const TempDir folder;
  SmallGguf file = one_block();
  file.values = {gguf_value("general.architecture", kString, gguf_text("hyvid"))};
  EXPECT_ERROR(detect_wan_config(Weights::open(written(folder, file.bytes()))),
               "a.safetensors: no Wan transformer: tensor head.modulation is missing");
}

TEST(Gguf, AFileThatShrinksIsNamed) {
  const TempDir folder;
  const std::filesystem::path path = written(folder, one_block().bytes());
  const Weights weights = Weights::open(path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_ERROR(weights.get("x"), "while it was read");
}

struct BadGguf {
  const char* why;
  std::string bytes;
  const char* part;
};
void PrintTo(const BadGguf& bad, std::ostream* out) { *out << bad.why; }

std::string with_values(const std::vector<std::string>& values) {
  SmallGguf file = one_block();
  file.values = values;
  return file.bytes();
}
std::string with_tensors(const std::vector<std::string>& tensors) {
  SmallGguf file = one_block();
  file.tensors = tensors;
  return file.bytes();
}
std::string of_version(std::uint32_t version) {
  SmallGguf file = one_block();
  file.version = version;
  return file.bytes();
}
std::string counts(std::uint64_t tensors, std::uint64_t values) {
  return "GGUF" + number(3u) + number(tensors) + number(values) + std::string(64, '\0');
}
std::string cut(std::string bytes, std::size_t by) {
  bytes.resize(bytes.size() - by);
  return bytes;
}

class GgufHeaderBad : public ::testing::TestWithParam<BadGguf> {};
TEST_P(GgufHeaderBad, IsRefused) {
  EXPECT_ERROR(read_gguf_header(GetParam().bytes, "a.gguf"),
               std::string("a.gguf: ") + GetParam().part);
}
constexpr std::uint64_t kHuge = std::uint64_t{1} << 62;
INSTANTIATE_TEST_SUITE_P(
    Headers, GgufHeaderBad,
    ::testing::Values(
        BadGguf{"cut_in_its_front", std::string("GGUF\3\0\0", 7),
                "the header ends behind the file's 7 bytes: truncated?"},
        BadGguf{"another_file", "GGML" + std::string(60, '\0'), "is no GGUF file"},
        BadGguf{"version_1", of_version(1),
                "is a GGUF file of version 1; versions 2 and 3 are read"},
        BadGguf{"version_4", of_version(4), "is a GGUF file of version 4"},
        BadGguf{"big_endian", of_version(0x03000000),
                "is a GGUF file in big-endian order; convert it to little-endian order"},
        BadGguf{"too_many_tensors", counts(kHuge, 0),
                "a header of 4611686018427387904 tensors is over the limit of 1000000"},
        BadGguf{"too_many_values", counts(0, kHuge),
                "a header of 4611686018427387904 values is over the limit of 100000"},
        BadGguf{"more_tensors_than_bytes", counts(4, 0),
                "a header of 4 tensors and 0 values does not fit the file: truncated?"},
        BadGguf{"key_without_a_name", with_values({gguf_value("", kUint32, number(1u))}),
                "value 0 of the header has a name of 0 bytes, not 1 to 65535"},
        BadGguf{"key_as_long_as_memory", with_values({number(kHuge) + std::string(12, '\0')}),
                "value 0 of the header has a name of 4611686018427387904 bytes"},
        BadGguf{"key_twice",
                with_values({gguf_value("a", kUint32, number(1u)),
                             gguf_value("a", kUint32, number(1u))}),
                "the header's \"a\" stands there twice"},
        BadGguf{"unknown_kind", with_values({gguf_value("a", 13, number(1u))}),
                "the header's \"a\" is of an unknown type, 13"},
        BadGguf{"neither_true_nor_false", with_values({gguf_value("a", kBool, "\2")}),
                "the header's \"a\" is neither true nor false"},
        BadGguf{"array_of_arrays", with_values({gguf_array("a", kArray, 1, number(0u))}),
                "the header's \"a\" is an array of arrays"},
        BadGguf{"array_larger_than_the_file", with_values({gguf_array("a", kUint32, kHuge, "")}),
                "the header's \"a\" has 4611686018427387904 elements, more than the file has room "
                "for: truncated?"},
        BadGguf{"texts_larger_than_the_file", with_values({gguf_array("a", kString, kHuge, "")}),
                "the header's \"a\" has 4611686018427387904 elements"},
        BadGguf{"text_larger_than_the_file", with_values({gguf_value("a", kString, number(kHuge))}),
                "the header's \"a\" ends behind the file's"},
        BadGguf{"text_in_array_larger_than_the_file",
                with_values({gguf_array("a", kString, 1, number(kHuge))}),
                "the header's \"a\" ends behind the file's"},
        BadGguf{"alignment_of_zero",
                with_values({gguf_value("general.alignment", kUint32, number(0u))}),
                "the header's general.alignment is 0, not a power of two"},
        BadGguf{"alignment_of_48",
                with_values({gguf_value("general.alignment", kUint32, number(48u))}),
                "the header's general.alignment is 48, not a power of two"},
        BadGguf{"alignment_as_text",
                with_values({gguf_value("general.alignment", kString, gguf_text("32"))}),
                "the header's \"general.alignment\" is not a whole number"},
        BadGguf{"one_of_three_parts", with_values({gguf_value("split.count", kUint32, number(3u))}),
                "is one of 3 parts (the header's split.count); merge them"},
        BadGguf{"tensor_twice",
                with_tensors({gguf_tensor("x", {1}, kF32, 0), gguf_tensor("x", {1}, kF32, 0)}),
                "tensor \"x\" stands in the header twice"},
        BadGguf{"nine_axes", with_tensors({gguf_tensor("x", {1, 1, 1, 1, 1, 1, 1, 1, 1}, kF32, 0)}),
                "tensor \"x\" has 9 axes, more than 8"},
        BadGguf{"type_that_went", with_tensors({gguf_tensor("x", {32}, 4, 0)}),
                "tensor \"x\" is of type 4, which ggml does not have"},
        BadGguf{"row_of_half_a_block", with_tensors({gguf_tensor("x", {128, 2}, kQ4_K, 0)}),
                "tensor \"x\" of type Q4_K has rows of 128, which are no whole blocks of 256"},
        BadGguf{"scalar_of_blocks", with_tensors({gguf_tensor("x", {}, kQ8_0, 0)}),
                "tensor \"x\" of type Q8_0 has rows of 1"},
        BadGguf{"axis_over_63_bits", with_tensors({gguf_tensor("x", {2 * kHuge}, kF32, 0)}),
                "tensor \"x\" has an axis of 9223372036854775808, which is too large"},
        BadGguf{"numbers_over_60_bits", with_tensors({gguf_tensor("x", {kHuge, 4, 0}, kF32, 0)}),
                "tensor \"x\" of shape [0, 4, 4611686018427387904] at byte 0 of the data is larger "
                "than any file"},
        BadGguf{"end_over_64_bits", with_tensors({gguf_tensor("x", {8}, kF32, ~std::uint64_t{31})}),
                "tensor \"x\" of shape [8] at byte 18446744073709551584 of the data is larger"},
        BadGguf{"crooked_place", with_tensors({gguf_tensor("x", {1}, kF32, 4)}),
                "tensor \"x\" begins at byte 4 of the data, not a multiple of 32"},
        BadGguf{
            "behind_the_end", with_tensors({gguf_tensor("x", {9}, kF32, 0)}),
            "tensor \"x\" ends at byte 36 of the data, but the file has 34 of them: truncated?"},
        BadGguf{"cut_data", cut(one_block().bytes(), 1),
                "tensor \"x\" ends at byte 34 of the data, but the file has 33"},
        BadGguf{"cut_before_the_data", cut(one_block().bytes(), 40),
                "tensor \"x\" ends at byte 34 of the data, but the file has 0"},
        BadGguf{"overlap",
                with_tensors({gguf_tensor("x", {8}, kF32, 0), gguf_tensor("y", {1}, kI32, 0)}),
                "tensors \"x\" and \"y\" overlap at byte 0 of the data"},
        BadGguf{
            "shape_of_other_size",
            with_values({gguf_array("comfy.gguf.orig_shape.x", kInt32, 2, number(4) + number(9))}),
            "the header's \"comfy.gguf.orig_shape.x\" is [4, 9], which is no shape of a tensor "
            "of 32 numbers"},
        BadGguf{"shape_below_zero",
                with_values({gguf_array("comfy.gguf.orig_shape.x", kInt32, 2,
                                        number(-4) + number(-8))}),
                "the header's \"comfy.gguf.orig_shape.x\" is [-4, -8], which is no shape"},
        BadGguf{"shape_as_text",
                with_values({gguf_value("comfy.gguf.orig_shape.x", kString, gguf_text("4x8"))}),
                "the header's \"comfy.gguf.orig_shape.x\" is not an array of whole numbers"},
        BadGguf{
            "shape_of_nine_axes",
            with_values({gguf_array("comfy.gguf.orig_shape.x", kInt32, 9, std::string(36, '\1'))}),
            "the header's \"comfy.gguf.orig_shape.x\" has 9 axes, more than 8"}),
    [](const auto& row) { return std::string(row.param.why); });

// Whatever the bytes, reading ends in tensors that lie inside the file or in one error that names
// it.
TEST(GgufHeader, SurvivesMutations) {
  SmallGguf file{
      .values = {gguf_value("general.architecture", kString, gguf_text("wan")),
                 gguf_array("tokenizer.ggml.tokens", kString, 2, gguf_text("a") + gguf_text("bc")),
                 gguf_array("comfy.gguf.orig_shape.y", kInt32, 2, number(2) + number(2))},
      .tensors = {gguf_tensor("x", {32, 2}, kQ8_0, 0), gguf_tensor("y", {4}, kF32, 96)},
      .data = std::string(112, '\1')};
  const std::string good = file.bytes();
  std::mt19937 random(20260602);
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  int read = 0;
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    for (std::size_t i = 1 + below(3); i > 0; --i) {
      const std::size_t place = below(bytes.size());
      switch (below(4)) {
        case 0:
          bytes[place] = static_cast<char>(below(256));
          break;
        case 1:
          bytes[place] = static_cast<char>(bytes[place] ^ 1 << below(8));
          break;
        case 2:
          bytes.insert(place, bytes.substr(below(bytes.size()), below(12)));
          break;
        default:
          bytes.resize(1 + below(bytes.size()));
      }
    }
    try {
      const GgufHeader header = read_gguf_header(bytes, "mutated");
      ++read;
      for (const auto& [name, tensor] : header.tensors) {
        ASSERT_LE(tensor.begin, tensor.end);
        ASSERT_TRUE(tensor.begin == tensor.end || header.data_begin + tensor.end <= bytes.size());
      }
    } catch (const Error& error) {
      ++refused;
      ASSERT_TRUE(std::string_view(error.what()).starts_with("mutated: ")) << error.what();
      ASSERT_LT(std::string_view(error.what()).size(), 600U) << error.what();
    }
  }
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace twill::engine
