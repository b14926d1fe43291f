// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/prompt.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "characters.h"
#include "twill/plan/error.h"
#include "twill/plan/text.h"

namespace twill::engine {
namespace {

constexpr double kBracketWeight = 1.1;
constexpr int kMostDepth = 100;
constexpr std::size_t kMostShown = 60;  // bytes of a prompt in a message
constexpr std::string_view kEmbedding = "embedding:";

std::string shown(std::string_view text) {
  return concat("\"", one_line(valid_utf8(shortened(text, kMostShown))), "\"");
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_escaped(std::string_view text, std::size_t at) { return at > 0 && text[at - 1] == '\\'; }

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : ' ';
    if (text[i] != '\\' || (next != '(' && next != ')')) {
      out += text[i];
    }
  }
  return out;
}

// The text in ASCII, as Python's float() takes it: every script's digits become 0 to 9 and a space
// ' ', none at the ends; of ASCII's own spaces 0x1c to 0x1f are none to it.
std::optional<std::string> in_ascii(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view character = first_character(text);
    text.remove_prefix(character.size());
    const std::uint32_t code = code_point(character);
    const std::optional<int> digit = decimal(code);
    const bool space = is_space(code) && (code < 0x1c || code > 0x1f);
    if (!digit && !space && code >= 0x80) {
      return std::nullopt;
    }
    out += digit ? static_cast<char>('0' + *digit) : space ? ' ' : character.front();
  }
  const std::size_t begin = std::min(out.find_first_not_of(' '), out.size());
  return out.substr(begin, out.find_last_not_of(' ') + 1 - begin);
}

// As Python's float() reads it: "+1_000.5", " .5 ", "１.２", "inf". Empty: it is no number.
std::optional<double> python_number(std::string_view text) {
  const std::optional<std::string> ascii = in_ascii(text);
  if (!ascii) {
    return std::nullopt;
  }
  std::string digits;
  for (std::size_t i = 0; i < ascii->size(); ++i) {
    const char c = (*ascii)[i];
    if (c != '_') {
      digits += c;
    } else if (i == 0 || i + 1 == ascii->size() || !is_digit((*ascii)[i - 1]) ||
               !is_digit((*ascii)[i + 1])) {
      return std::nullopt;
    }
  }
  const bool negative = digits.starts_with('-');
  std::string_view number = digits;
  number.remove_prefix(negative || number.starts_with('+') ? 1 : 0);
  // from_chars takes a sign of its own, and "nan(text)".
  if (number.starts_with('-') || number.find('(') != std::string_view::npos) {
    return std::nullopt;
  }
  double value = 0.0;
  const auto [end, code] = std::from_chars(number.begin(), number.end(), value);
  if (end != number.end() || number.empty() || code == std::errc::invalid_argument) {
    return std::nullopt;
  }
  if (code == std::errc::result_out_of_range) {
    const bool tiny = number.find_first_of("-") != std::string_view::npos ||
                      number.starts_with('0') || number.starts_with('.');
    value = tiny ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return negative ? -value : value;
}

// In order and together the whole text: each bracket of the outer level with what it encloses, and
// what stands between two of them. Behind a bracket that closes too many, as many open as text.
std::vector<std::string_view> stretches(std::string_view text) {
  std::vector<std::string_view> found;
  std::size_t begin = 0;
  const auto cut = [&](std::size_t end) {
    if (end > begin) {
      found.push_back(text.substr(begin, end - begin));
    }
    begin = end;
  };
  std::int64_t level = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_escaped(text, i)) {
      continue;
    }
    if (text[i] == '(') {
      if (level == 0) {
        cut(i);
      }
      ++level;
    } else if (text[i] == ')') {
      --level;
      if (level == 0) {
        cut(i + 1);
      }
    }
  }
  cut(text.size());
  return found;
}

// Behind white space, or at the beginning: where ComfyUI looks for the name of an embedding.
std::vector<std::size_t> embeddings_in(std::string_view text) {
  std::vector<std::size_t> found;
  bool before = true;
  for (std::size_t i = 0; i < text.size();) {
    if (before && text.substr(i).starts_with(kEmbedding)) {
      found.push_back(i);
    }
    const std::string_view character = first_character(text.substr(i));
    before = is_space(code_point(character));
    i += character.size();
  }
  return found;
}

class WeightReader {
 public:
  explicit WeightReader(std::string_view text) {
    read(text, 1.0, 0);
    std::string whole;
    for (const WeightedText& part : parts_) {
      whole += part.text;
      bracketed_ = bracketed_ || part.weight != 1.0;
    }
    bracketed_ = bracketed_ || whole != text;
  }

  const std::vector<WeightedText>& parts() const { return parts_; }
  // Whether brackets made a difference: a weight, or letters that are gone.
  bool bracketed() const { return bracketed_; }
  // The first bracket whose weight is a number with a point.
  std::string_view telling() const { return telling_; }
  // "embedding:name", the first of them; empty: there is none.
  const std::string& embedding() const { return embedding_; }
  // Why these parts cannot be taken; empty: they can.
  const std::string& trouble() const { return trouble_; }

 private:
  void read(std::string_view text, double weight, int depth) {
    if (depth > kMostDepth) {
      fail(concat("the prompt has brackets in more than ", kMostDepth, " others"));
      return;
    }
    for (const std::string_view each : stretches(text)) {
      if (each.size() >= 2 && each.front() == '(' && each.back() == ')' &&
          !is_escaped(each, each.size() - 1)) {
        read_bracket(each, weight, depth);
        continue;
      }
      if (!(std::abs(weight) <= kMostPromptWeight)) {
        fail(concat("the prompt has weight ", weight, " on ", shown(each), ", which is not in -",
                    kMostPromptWeight, "..", kMostPromptWeight));
      }
      add(unescaped(each), weight);
    }
  }

  // ComfyUI cuts before an embedding; for Wan it then takes its name as text.
  void add(const std::string& text, double weight) {
    std::size_t begin = 0;
    for (const std::size_t at : embeddings_in(text)) {
      if (embedding_.empty()) {
        const std::size_t end = text.find_first_of(" \t\r\n,", at);
        embedding_ = text.substr(at, end - at);
      }
      if (at > begin) {
        parts_.push_back({text.substr(begin, at - begin), weight});
        begin = at;
      }
    }
    parts_.push_back({text.substr(begin), weight});
  }

  void read_bracket(std::string_view bracket, double weight, int depth) {
    std::string_view inside = bracket.substr(1, bracket.size() - 2);
    weight *= kBracketWeight;
    const std::size_t colon = inside.rfind(':');
    if (colon != std::string_view::npos && colon > 0) {
      const std::string_view number = inside.substr(colon + 1);
      if (const std::optional<double> own = python_number(number)) {
        weight = *own;
        inside = inside.substr(0, colon);
        telling_ =
            telling_.empty() && number.find('.') != std::string_view::npos ? bracket : telling_;
      }
    }
    read(inside, weight, depth + 1);
  }

  void fail(const std::string& sentence) { trouble_ = trouble_.empty() ? sentence : trouble_; }

  std::vector<WeightedText> parts_;
  bool bracketed_ = false;
  std::string_view telling_;
  std::string embedding_;
  std::string trouble_;
};

}  // namespace

std::string Prompt::text() const {
  std::string whole;
  for (const WeightedText& part : parts) {
    whole += part.text;
  }
  return whole;
}

ReadPrompt read_prompt(std::string_view text, PromptWeights weights) {
  ReadPrompt read{.prompt = text, .notes = {}};
  if (weights == PromptWeights::kNone) {
    return read;
  }
  const WeightReader reader(text);
  if (!reader.embedding().empty()) {
    read.notes.push_back(concat(shown(reader.embedding()),
                                " in the prompt is text: embeddings are not supported, and "
                                "ComfyUI has none for Wan"));
  }
  if (weights == PromptWeights::kAuto && reader.telling().empty()) {
    if (reader.bracketed()) {
      read.notes.emplace_back(
          "the prompt's brackets are text; --prompt-weights comfyui makes weights of them, as "
          "ComfyUI does");
    }
    return read;
  }
  require(reader.trouble().empty(), ErrorCode::kUsage, reader.trouble(),
          "; --prompt-weights none makes text of it");
  if (weights == PromptWeights::kAuto) {
    read.notes.push_back(concat("the prompt's brackets are weights, as in ComfyUI, for ",
                                shown(reader.telling()),
                                " is one; --prompt-weights none makes text of them"));
  }
  read.prompt = reader.parts().empty() ? Prompt("") : Prompt(reader.parts());
  return read;
}

}  // namespace twill::engine
