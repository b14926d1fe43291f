// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Texts through one step of the text side, for comparisons written in Python.
//   text_probe unescape|clean TEXTS OUTPUTS   JSON lists of texts
//   text_probe ids=MODEL TEXTS OUTPUTS   OUTPUTS: lists of numbers by a SentencePiece model
//   text_probe weights=auto|comfyui|none TEXTS OUTPUTS   OUTPUTS: {"parts": [[text, weight], ...],
//   "notes": [...]} or {"error": ...} of each
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "twill/engine/prompt.h"
#include "twill/engine/sentence_piece.h"
#include "twill/engine/text_cleaning.h"
#include "twill/plan/error.h"

namespace {

using nlohmann::json;

constexpr std::string_view kIds = "ids=";
constexpr std::string_view kWeights = "weights=";

json read(const std::string& text, twill::PromptWeights weights) {
  try {
    const twill::engine::ReadPrompt read = twill::engine::read_prompt(text, weights);
    json parts = json::array();
    for (const twill::engine::WeightedText& part : read.prompt.parts) {
      parts.push_back({part.text, part.weight});
    }
    return {{"parts", parts}, {"notes", read.notes}};
  } catch (const twill::Error& error) {
    return {{"error", error.what()}};
  }
}

int run(int argc, char** argv) {
  twill::require(argc == 4, twill::ErrorCode::kUsage, "three arguments are needed");
  const std::string what = argv[1];
  const json texts = json::parse(std::ifstream(argv[2]));
  json out = json::array();
  if (what.starts_with(kIds)) {
    const auto model = twill::engine::SentencePiece::open(what.substr(kIds.size()));
    for (const json& text : texts) {
      out.push_back(model.ids(text.get<std::string>()));
    }
  } else if (what.starts_with(kWeights)) {
    const auto weights =
        twill::value_named(twill::kPromptWeightsNames, what.substr(kWeights.size())).value();
    for (const json& text : texts) {
      out.push_back(read(text.get<std::string>(), weights));
    }
  } else {
    for (const json& text : texts) {
      const auto given = text.get<std::string>();
      out.push_back(what == "clean" ? twill::engine::clean_prompt(given)
                                    : twill::engine::unescape_html(given));
    }
  }
  std::ofstream(argv[3]) << out.dump();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const twill::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
