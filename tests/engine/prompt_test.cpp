// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// tests/comfy/test_comfy_weights.py compares reading as ComfyUI does with ComfyUI.
#include "twill/engine/prompt.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "expect_error.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

using Parts = std::vector<WeightedText>;

Parts parts_of(std::string_view text, PromptWeights weights = PromptWeights::kComfyUi) {
  return read_prompt(text, weights).prompt.parts;
}

std::vector<std::string> notes_of(std::string_view text, PromptWeights weights) {
  return read_prompt(text, weights).notes;
}

TEST(Prompt, AText) {
  EXPECT_TRUE(Prompt("a (b:1.3)").plain());
  EXPECT_EQ(Prompt(std::string("a")).parts, (Parts{{"a", 1.0}}));
  EXPECT_FALSE(Prompt().plain());
  const Prompt two(Parts{{"a ", 1.0}, {"b", 1.0}});
  EXPECT_FALSE(two.plain());
  EXPECT_EQ(two.text(), "a b");
}

TEST(ReadPrompt, BracketsAreWeightsInComfyUI) {
  EXPECT_EQ(parts_of("a (red) (ball:1.3) left"),
            (Parts{{"a ", 1.0}, {"red", 1.1}, {" ", 1.0}, {"ball", 1.3}, {" left", 1.0}}));
  EXPECT_EQ(parts_of("((a) b:0.5)"), (Parts{{"a", 0.5 * 1.1}, {" b", 0.5}}));
  EXPECT_EQ(parts_of("((a:2) b)"), (Parts{{"a", 2.0}, {" b", 1.1}}));
  EXPECT_EQ(parts_of(R"(\(a\) (b\):2))"), (Parts{{"(a) ", 1.0}, {"b)", 2.0}}));
  EXPECT_EQ(parts_of("(a:1.3"), (Parts{{"(a:1.3", 1.0}}));
  EXPECT_EQ(parts_of("(16:9)"), (Parts{{"16", 9.0}}));
  EXPECT_EQ(parts_of("()"), (Parts{{"", 1.0}}));
}

TEST(ReadPrompt, NoneReadsTextAndSaysNothing) {
  for (const char* text : {"", "a (b:1.3)", "((a:1e9))", "embedding:x", R"(\()", "(a:nan)"}) {
    EXPECT_EQ(parts_of(text, PromptWeights::kNone), (Parts{{text, 1.0}}));
    EXPECT_TRUE(notes_of(text, PromptWeights::kNone).empty());
  }
}

// What people who do not know of weights write: a ratio, a time, a remark.
TEST(ReadPrompt, AutoNeedsANumberWithAPoint) {
  for (const char* text : {"a (red) ball", "(16:9)", "at (12:30)", "(a:2)", "((a))", R"(\(a\))",
                           "()", "(chapter 1:1914)"}) {
    EXPECT_EQ(parts_of(text, PromptWeights::kAuto), (Parts{{text, 1.0}}));
    EXPECT_EQ(notes_of(text, PromptWeights::kAuto),
              std::vector<std::string>{"the prompt's brackets are text; --prompt-weights comfyui "
                                       "makes weights of them, as ComfyUI does"})
        << text;
  }
  for (const char* text : {"", "a red ball", "a: b", "1.3", "(a", "a)", "[a:1.3]", "（a：1.3）"}) {
    EXPECT_EQ(parts_of(text, PromptWeights::kAuto), (Parts{{text, 1.0}}));
    EXPECT_TRUE(notes_of(text, PromptWeights::kAuto).empty()) << text;
  }
  for (const char* text : {"a (red:1.3) (ball)", "((a:.5) b)", "(a:1.0)", "(a:2.)"}) {
    EXPECT_EQ(parts_of(text, PromptWeights::kAuto), parts_of(text)) << text;
  }
  EXPECT_EQ(notes_of("a (red) ((ball:1.3) b:0.5)", PromptWeights::kAuto),
            std::vector<std::string>{"the prompt's brackets are weights, as in ComfyUI, for "
                                     "\"((ball:1.3) b:0.5)\" is one; --prompt-weights none makes "
                                     "text of them"});
  EXPECT_TRUE(notes_of("a (red:1.3)", PromptWeights::kComfyUi).empty());
}

TEST(ReadPrompt, WeightsThatCannotBeTaken) {
  const auto refuses = [](std::string_view text, const std::string& what) {
    EXPECT_ERROR(read_prompt(text, PromptWeights::kComfyUi),
                 what + "; --prompt-weights none makes text of it");
  };
  EXPECT_EQ(parts_of("(a:100)(b:-100)"), (Parts{{"a", 100.0}, {"b", -100.0}}));
  refuses("at (12:30.5) (chapter 1:1914)",
          "the prompt has weight 1914 on \"chapter 1\", which is not in -100..100");
  refuses("(a:-1e3)", "the prompt has weight -1000 on \"a\", which is not in -100..100");
  refuses("(a\n:inf)", "the prompt has weight inf on \"a\\n\", which is not in -100..100");
  refuses("(a:nan)", "the prompt has weight nan on \"a\", which is not in -100..100");
  refuses("((a):95)", "the prompt has weight 104.5 on \"a\", which is not in -100..100");
  const std::string deep = std::string(101, '(') + "a:1.5" + std::string(101, ')');
  refuses(deep, "the prompt has brackets in more than 100 others");
  EXPECT_ERROR(read_prompt(deep, PromptWeights::kAuto), "in more than 100 others");
  EXPECT_NO_THROW(
      read_prompt(std::string(1 << 20, '(') + std::string(1 << 20, ')'), PromptWeights::kAuto));
  EXPECT_ERROR(read_prompt("(a:1.3) (b:101)", PromptWeights::kAuto), "weight 101 on \"b\"");
}

TEST(ReadPrompt, EmbeddingsAreTold) {
  const auto told = [](const std::string& name) {
    return std::vector<std::string>{concat("\"", name,
                                           "\" in the prompt is text: embeddings are not "
                                           "supported, and ComfyUI has none for Wan")};
  };
  const char* text = "a embedding:bad-hands, b";
  EXPECT_EQ(notes_of(text, PromptWeights::kComfyUi), told("embedding:bad-hands"));
  EXPECT_EQ(notes_of(text, PromptWeights::kAuto), told("embedding:bad-hands"));
  EXPECT_EQ(parts_of(text), (Parts{{"a ", 1.0}, {"embedding:bad-hands, b", 1.0}}));
  EXPECT_EQ(parts_of(text, PromptWeights::kAuto), (Parts{{text, 1.0}}));
  EXPECT_EQ(notes_of("an embedding: b", PromptWeights::kAuto), told("embedding:"));
  EXPECT_EQ(notes_of("(a:1.5)(embedding:x:1.2)", PromptWeights::kComfyUi), told("embedding:x"));
  EXPECT_EQ(notes_of("(a:1.5)(embedding:x:1.2)", PromptWeights::kAuto).size(), 2u);
  EXPECT_EQ(parts_of("reembedding:x"), (Parts{{"reembedding:x", 1.0}}));
  EXPECT_TRUE(notes_of("reembedding:x", PromptWeights::kComfyUi).empty());
}

}  // namespace
}  // namespace twill::engine
