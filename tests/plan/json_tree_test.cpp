// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// JSON of any depth: read up to the limit, refused above it before anything recurses.
#include "twill/plan/json_tree.h"
#include "refusal.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "twill/plan/error.h"

namespace twill {
namespace {

using nlohmann::json;

std::string nested(std::size_t levels, char open = '[', char close = ']') {
  return std::string(levels, open) + std::string(levels, close);
}

std::string refusal(const std::string& text) {
  return tests::refusal([&] { json_tree<json>(text, "f.json"); }, ErrorCode::kFile);
}

TEST(JsonTree, reads_as_deep_as_it_says_and_no_deeper) {
  EXPECT_EQ(json_tree<json>(nested(kMostJsonLevels), "f.json").dump(), nested(kMostJsonLevels));
  EXPECT_EQ(refusal(nested(kMostJsonLevels + 1)), "f.json: nested deeper than 64");
  // Far below the size limit of every file, and enough to end a program that recurses.
  EXPECT_EQ(refusal(R"({"a":)" + nested(1'000'000) + "}"), "f.json: nested deeper than 64");
}

struct Depth {
  const char* why;
  std::string text;
  bool taken;
};
void PrintTo(const Depth& row, std::ostream* out) { *out << row.why; }

class JsonDepth : public ::testing::TestWithParam<Depth> {};

TEST_P(JsonDepth, counts_brackets_that_nest) {
  EXPECT_EQ(refusal(GetParam().text).empty(), GetParam().taken) << refusal(GetParam().text);
  EXPECT_EQ(!kept_json<json>(GetParam().text).is_discarded(), GetParam().taken);
}

std::string many(const std::string& element, int count) {
  std::string text = "[0";
  for (int i = 0; i < count; ++i) {
    text += "," + element;
  }
  return text + "]";
}

INSTANTIATE_TEST_SUITE_P(
    Texts, JsonDepth,
    ::testing::Values(Depth{"side_by_side", many("[]", 1000), true},
                      Depth{"brackets_in_a_text", "[\"" + std::string(1000, '[') + "\"]", true},
                      Depth{"behind_an_escaped_quote",
                            R"(["\"[[[)" + std::string(1000, '{') + "\"]", true},
                      Depth{"behind_an_escaped_backslash", R"(["\\",)" + nested(64) + "]", false},
                      Depth{"in_a_key", "{\"" + std::string(1000, '[') + "\":1}", true},
                      Depth{"never_closed", std::string(100'000, '{'), false},
                      Depth{"closed_before_opened", "]]]]" + nested(3), false},
                      Depth{"ends_in_an_escape", R"(["\)", false}, Depth{"nothing", "", false},
                      Depth{"number_alone", "1", true},
                      Depth{"objects", R"({"a":{"b":{"c":1}}})", true}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(JsonTree, says_where_a_text_is_not_json_in_one_short_line) {
  EXPECT_TRUE(refusal("{\n \"a\" 1}").starts_with("f.json: line 2, column 6: not JSON: "))
      << refusal("{\n \"a\" 1}");
  const std::string long_token = refusal("[" + std::string(100'000, 'x') + "]");
  EXPECT_LT(long_token.size(), 400u);
  EXPECT_EQ(refusal("[\"a\nb\"]").find('\n'), std::string::npos);
  EXPECT_NE(refusal("[1e999]"), "");
}

TEST(JsonShown, is_short_whatever_stands_there) {
  EXPECT_EQ(json_shown(json::parse(nested(64))), "an array");
  EXPECT_EQ(json_shown(json::object()), "an object");
  EXPECT_EQ(json_shown(json(0.1)), "0.1");
  EXPECT_EQ(json_shown(json("x")), "\"x\"");
  EXPECT_LE(json_shown(json(std::string(100'000, 'x'))).size(), 64u);
  EXPECT_NO_THROW(json_shown(json("\xff")));
}

}  // namespace
}  // namespace twill
