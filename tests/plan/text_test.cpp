// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Texts of any bytes: what becomes of them in JSON, where they are cut, and files of them.
#include "twill/plan/text.h"
#include "refusal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "twill/plan/error.h"
#include "twill/plan/json_dump.h"
#include "twill/plan/plan_io.h"

namespace twill {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

struct Spelled {
  const char* why;
  std::string bytes;
  std::string text;
};
void PrintTo(const Spelled& row, std::ostream* out) { *out << row.why; }

class ValidUtf8 : public ::testing::TestWithParam<Spelled> {};

TEST_P(ValidUtf8, keeps_characters_and_spells_other_bytes) {
  EXPECT_EQ(valid_utf8(GetParam().bytes), GetParam().text);
  EXPECT_EQ(is_utf8(GetParam().bytes), GetParam().bytes == GetParam().text);
  EXPECT_TRUE(is_utf8(GetParam().text));
  // The oracle: the JSON library checks what it writes.
  EXPECT_NO_THROW(nlohmann::json(GetParam().text).dump());
}

INSTANTIATE_TEST_SUITE_P(
    Bytes, ValidUtf8,
    ::testing::Values(Spelled{"nothing", "", ""}, Spelled{"ascii", "a b\n", "a b\n"},
                      Spelled{"every_length", "ü€\U0001F9F5", "ü€\U0001F9F5"},
                      Spelled{"latin_1", "caf\xe9", "caf\\xe9"},
                      Spelled{"latin_1_before_a_letter", "\xe9t\xe9", "\\xe9t\\xe9"},
                      Spelled{"cut_in_two", "\xc3", "\\xc3"},
                      Spelled{"cut_in_four", "a\xf0\x9f\xa7", "a\\xf0\\x9f\\xa7"},
                      Spelled{"continuation_alone", "\x80\xbf", "\\x80\\xbf"},
                      Spelled{"spelled_too_long", "\xc0\xaf\xe0\x80\xaf",
                              "\\xc0\\xaf\\xe0\\x80\\xaf"},
                      Spelled{"surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
                      Spelled{"before_the_surrogates", "\xed\x9f\xbf", "\xed\x9f\xbf"},
                      Spelled{"last_character", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
                      Spelled{"beyond_the_last", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
                      Spelled{"no_utf8_byte", "\xfe\xff", "\\xfe\\xff"},
                      Spelled{"zero_byte", "a\0b"s, "a\0b"s}),
    [](const auto& row) { return std::string(row.param.why); });

// All pairs and triples of bytes at the edges of the forms, against the check of the JSON library.
TEST(IsUtf8, agrees_with_the_json_library_on_every_short_sequence) {
  const std::string edges =
      "a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef"
      "\xf0\xf1\xf3\xf4\xf5\xff";
  const auto library = [](const std::string& bytes) {
    try {
      return !nlohmann::json(bytes).dump().empty();
    } catch (const nlohmann::json::exception&) {
      return false;
    }
  };
  for (const char a : edges) {
    for (const char b : edges) {
      for (const char c : edges) {
        for (const char d : {'\x80', 'a'}) {
          const std::string bytes{a, b, c, d};
          ASSERT_EQ(is_utf8(bytes), library(bytes)) << valid_utf8(bytes);
        }
      }
    }
  }
}

TEST(Shortened, is_cut_between_characters_wherever_the_limit_falls) {
  const std::string text = "aü€\U0001F9F5b";
  for (std::size_t most = 0; most <= text.size(); ++most) {
    const std::string cut = shortened(text, most);
    EXPECT_TRUE(is_utf8(cut)) << most;
    if (most == text.size()) {
      EXPECT_EQ(cut, text);
      continue;
    }
    ASSERT_TRUE(cut.ends_with("...")) << most;
    const std::string kept = cut.substr(0, cut.size() - 3);
    EXPECT_TRUE(text.starts_with(kept));
    EXPECT_LE(kept.size(), most);
    EXPECT_LT(most - kept.size(), 4u);  // no more is left out than one character
  }
}

TEST(Shortened, other_bytes_do_not_make_it_shorter) {
  EXPECT_EQ(shortened("\xbf\xbf\xbf\xbf\xbf\xbf", 5), "\xbf\xbf\xbf\xbf\xbf...");
}

TEST(FirstCharacter, is_whole) {
  EXPECT_EQ(first_character("üb"), "ü");
  EXPECT_EQ(first_character("\xe9t"), "\xe9");
  EXPECT_EQ(first_character(""), "");
}

TEST(OneLine, has_no_control_characters) {
  EXPECT_EQ(one_line("a\nb\r\tc\x1b[31m\x7f ü"), "a\\nb\\r\\tc\\x1b[31m\\x7f ü");
}

TEST(JsonDump, takes_any_text_as_value_and_as_key) {
  const nlohmann::ordered_json value{
      {"caf\xe9", {{"list", {"\xff", 1, nullptr}}, {"ü", 18446744073709551615u}}}};
  EXPECT_THROW(value.dump(), nlohmann::json::exception);
  EXPECT_EQ(json_dump(value), R"({"caf\\xe9":{"list":["\\xff",1,null],"ü":18446744073709551615}})");
  EXPECT_EQ(json_dump(nlohmann::json{{"a", "ü"}}, 1), "{\n \"a\": \"ü\"\n}");
}

class TextFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / concat("twill-text-", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path file(const std::string& bytes) const {
    std::ofstream(folder_ / "a.txt", std::ios::binary) << bytes;
    return folder_ / "a.txt";
  }
  static std::string refusal(const std::function<void()>& read) {
    return tests::refusal(read, ErrorCode::kFile);
  }

  fs::path folder_;
};

TEST_F(TextFiles, a_byte_order_mark_is_no_part_of_the_text) {
  EXPECT_EQ(read_text(file("\xef\xbb\xbf{}"), 100), "{}");
  EXPECT_EQ(read_lines(file("\xef\xbb\xbf"
                            "a\r\nb"),
                       100),
            (std::vector<std::string>{"a", "b"}));
}

TEST_F(TextFiles, every_end_of_a_line_ends_it) {
  EXPECT_EQ(read_lines(file("a\nb\r\nc\rd\n\ne"), 100),
            (std::vector<std::string>{"a", "b", "c", "d", "", "e"}));
  EXPECT_EQ(read_lines(file(""), 100), std::vector<std::string>{});
}

TEST_F(TextFiles, other_encodings_are_named) {
  const std::string at = (folder_ / "a.txt").string();
  const auto said = [&](const std::string& bytes) {
    const std::string whole = refusal([&] { read_lines(file(bytes), 100); });
    EXPECT_EQ(refusal([&] { read_text(file(bytes), 100); }), whole);
    return whole;
  };
  const std::string utf16 =
      at + ": is a text in UTF-16, as some editors on Windows write it; save it as UTF-8";
  EXPECT_EQ(said("\xff\xfe"
                 "a\0"s),
            utf16);
  EXPECT_EQ(said("\xfe\xff\0a"s), utf16);
  EXPECT_EQ(said("\xff\xfe\0\0a\0\0\0"s), at + ": is a text in UTF-32; save it as UTF-8");
  EXPECT_EQ(said("a\0b\0"s), utf16);
  EXPECT_EQ(said("\0a\0b"s), utf16);
  // Other zero bytes are no encoding: who reads the text judges them.
  EXPECT_EQ(read_lines(file("ab\0\0c"s), 100), std::vector<std::string>{"ab\0\0c"s});
}

TEST_F(TextFiles, a_line_that_is_not_utf8_is_named) {
  EXPECT_EQ(refusal([&] { read_lines(file("ü\ncaf\xe9 au lait\n"), 100); }),
            (folder_ / "a.txt").string() +
                ": line 2 is not UTF-8 (byte \\xe9 at its place 4); save the file as UTF-8");
}

TEST_F(TextFiles, sizes_and_folders_are_refused) {
  EXPECT_EQ(refusal([&] { read_lines(file("12345"), 4); }),
            (folder_ / "a.txt").string() + ": 5 bytes are more than 4");
  EXPECT_EQ(refusal([&] { read_lines(folder_, 4); }),
            folder_.string() + ": is a folder, not a text file");
  EXPECT_EQ(refusal([&] { read_lines(folder_ / "none", 4); }),
            (folder_ / "none").string() + ": cannot be read: No such file or directory");
}

TEST_F(TextFiles, a_pipe_is_read_to_its_end) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto written = [&](const std::string& bytes) {
    return std::jthread([=] { std::ofstream(pipe, std::ios::binary) << bytes; });
  };
  {
    const std::jthread writer = written(
        "\xef\xbb\xbf"
        "a\nb\n");
    EXPECT_EQ(read_lines(pipe, 100), (std::vector<std::string>{"a", "b"}));
  }
  const std::jthread writer = written("12345");
  EXPECT_EQ(refusal([&] { read_lines(pipe, 4); }), pipe.string() + ": gives more than 4 bytes");
}

// A file of JSON is named for what it is, as texts are.
TEST_F(TextFiles, plans_in_other_encodings_are_named) {
  EXPECT_EQ(refusal([&] { read_plan(file("\xff\xfe{\0"s)); }),
            (folder_ / "a.txt").string() +
                ": is a text in UTF-16, as some editors on Windows write it; save it as UTF-8");
}

}  // namespace
}  // namespace twill
