// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/sentence_piece.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "engine_support.h"
#include "sentence_piece_proto.h"
#include "small_sentence_piece.h"

namespace twill::engine {
namespace {

using testing::charsmap;
using testing::leaf;
using testing::link;
using testing::message;
using testing::piece;
using testing::small_sentence_piece;
using testing::TempDir;

struct BadModel {
  const char* why;
  std::string bytes;
  std::string part;
};
void PrintTo(const BadModel& bad, std::ostream* out) { *out << bad.why; }

std::string with_map(const std::string& map) {
  return small_sentence_piece() + message(3, message(2, map));
}
// Blocks of 256 units; the root leads to the second, where byte c is unit 256 + c.
std::vector<std::uint32_t> blocks(std::size_t count) {
  std::vector<std::uint32_t> units(256 * count, 0x80000000u);
  units[0] = link('\0', 256);
  return units;
}
std::string with_units(const std::vector<std::uint32_t>& units, const std::string& texts) {
  return with_map(charsmap(units, texts));
}

std::vector<BadModel> bad_models() {
  const std::string good = small_sentence_piece();
  return {
      {"empty", "", ": is no SentencePiece model: has 0 pieces"},
      {"text", "a red ball", ": is no SentencePiece model: "},
      {"cut_off", good.substr(0, good.size() - 1),
       ": is no SentencePiece model: a field ends behind"},
      {"endless_number", std::string(20, '\xff'),
       ": is no SentencePiece model: a number has more than"},
      {"a_group", "\x0b", ": is no SentencePiece model: holds a field of a kind that is not known"},
      {"no_number", std::string(2, '\0'),
       ": is no SentencePiece model: holds a field without a number"},
      {"empty_piece", good + piece("", -1.0f), ": piece 6 has 0 bytes, not 1 to 1024"},
      {"long_piece", good + piece(std::string(1025, 'a'), -1.0f), ": piece 6 has 1025 bytes"},
      {"twice", good + piece("a", -1.0f), ": is no SentencePiece model: "},
      {"no_unknown", piece("a", -1.0f), ": is no SentencePiece model: "},
      {"bpe", good + message(2, std::string("\x18\x02", 2)),
       ": is a SentencePiece model of type 2, not a Unigram one (1), as UMT5's is"},
      {"map_of_a_byte", with_map("x"), ": the normaliser's table is cut off"},
      {"map_behind_the_end", with_map(std::string("\xff\0\0\0abc", 7)), "table is cut off"},
  };
}

class RefusedSentencePiece : public ::testing::TestWithParam<BadModel> {};
TEST_P(RefusedSentencePiece, SaysWhatIsWrong) {
  EXPECT_ERROR(SentencePiece::from_bytes(GetParam().bytes, "spiece.model"), "spiece.model: ");
  EXPECT_ERROR(SentencePiece::from_bytes(GetParam().bytes, "spiece.model"), GetParam().part);
}
INSTANTIATE_TEST_SUITE_P(Bytes, RefusedSentencePiece, ::testing::ValuesIn(bad_models()),
                         [](const auto& row) { return std::string(row.param.why); });

// Tables and pieces that no library should be given are not kept here: models that are right are
// held against lower limits.
TEST(SentencePiece, LimitsAreThoseThatWereTold) {
  auto units = blocks(3);
  units[256 + 'z'] = link('z', (256 + 'z') ^ 512) | 0x100u;
  units[512] = leaf(0);
  const std::string mapped = with_units(units, std::string("a\0", 2));
  EXPECT_EQ(checked_sentence_piece(mapped, "m", {.rules_at_one_place = 1}),
            checked_sentence_piece(mapped, "m"));
  EXPECT_ERROR(checked_sentence_piece(mapped, "m", {.rules_at_one_place = 0}),
               "m: the normaliser's table has more than 0 rules for one text");
  EXPECT_ERROR(checked_sentence_piece(mapped, "m", {.rule_bytes = 0}),
               "m: the normaliser's table has a rule for more than 0 bytes");
  const std::string good = small_sentence_piece();
  EXPECT_ERROR(checked_sentence_piece(good + piece("abc", 0.0f, 4), "m", {.user_defined_bytes = 2}),
               "m: piece 6 is user-defined and has 3 bytes, more than 2");
  EXPECT_ERROR(checked_sentence_piece(good + piece("z", -9.0f), "m", {.score = 8.0f}),
               "m: piece 6 has a score of -9, not one between -8 and 8");
}

TEST(SentencePiece, RulesOfTheTableAreApplied) {
  auto units = blocks(3);
  units[256 + 'z'] = link('z', (256 + 'z') ^ 512) | 0x100u;
  units[512] = leaf(0);
  const auto plain = SentencePiece::from_bytes(small_sentence_piece(), "m");
  const auto mapped = SentencePiece::from_bytes(with_units(units, std::string("a\0", 2)), "m");
  EXPECT_EQ(mapped.ids("z"), plain.ids("a"));
  EXPECT_NE(plain.ids("z"), plain.ids("a"));
}

TEST(SentencePiece, PiecesAreNumberedAsTheModelLists) {
  const auto model = SentencePiece::from_bytes(small_sentence_piece(), "m");
  EXPECT_EQ(model.size(), 6);
  EXPECT_EQ(model.piece(1), "</s>");
  EXPECT_EQ(model.ids("a b"), (std::vector<std::int64_t>{3, 4, 3, 5}));
  EXPECT_TRUE(model.ids("").empty());
}

TEST(SentencePiece, FilesThatCannotBeAreRefusedBeforeTheyAreRead) {
  const TempDir folder;
  EXPECT_ERROR(SentencePiece::open(folder / "none.model"), "none.model: ");
  EXPECT_ERROR(SentencePiece::open(folder.path()), folder.path().string());
  const auto large = folder / "large.model";
  std::ofstream(large).put(' ');
  std::filesystem::resize_file(large, 64'000'001);
  EXPECT_ERROR(SentencePiece::open(large), "large.model: ");
  EXPECT_ERROR(SentencePiece::from_bytes(std::string(64'000'001, ' '), "m"),
               "m: has 64000001 bytes, more than the 64000000 that a SentencePiece model may have");
}

}  // namespace
}  // namespace twill::engine
