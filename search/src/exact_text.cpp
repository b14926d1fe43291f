// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "exact_text.h"

#include <array>
#include <charconv>

#include "twill/plan/error.h"

namespace twill::search {
namespace {

std::string part_text(const Diagonal& part) { return concat("diagonal ", exact_text(part.reach)); }

std::string part_text(const MultiDiagonal& part) {
  return concat("multi_diagonal ", part.frames, " ", exact_text(part.rows), " ",
                exact_text(part.cols));
}

std::string part_text(const VerticalStripe& part) {
  std::string text = "vertical_stripe";
  for (const KeyBox& box : part.boxes) {
    text += concat(" [", box.frame_begin, " ", box.frame_end, " ", exact_text(box.row_begin), " ",
                   exact_text(box.row_end), " ", exact_text(box.col_begin), " ",
                   exact_text(box.col_end), "]");
  }
  return text;
}

std::string part_text(const Window& part) {
  return concat("window ", part.frames, " ", exact_text(part.rows), " ", exact_text(part.cols),
                " @ ", part.offset_frames, " ", exact_text(part.offset_rows), " ",
                exact_text(part.offset_cols));
}

}  // namespace

std::string exact_text(double value) {
  std::array<char, 32> text;  // the shortest that reads back as the same number
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  TWILL_ASSERT(error == std::errc());
  return {text.data(), end};
}

std::string exact_text(const Pattern& pattern) {
  std::string text(pattern_name(pattern.kind));
  for (const SimplePattern& part : pattern.parts) {
    text += "; " + std::visit([](const auto& one) { return part_text(one); }, part);
  }
  return pattern.order ? concat(text, "; ", order_name(*pattern.order)) : text;
}

std::string exact_text(const TokenLayout& layout) {
  return concat(layout.prefix, " + ", layout.frames, " x ", layout.rows, " x ", layout.cols, " + ",
                layout.suffix);
}

std::string exact_text(const ModelShape& model) {
  std::string text = concat(model.family, ", head_dim ", model.head_dim, ", experts");
  for (const std::string& expert : model.experts) {
    text += " " + expert;
  }
  for (const StackShape& stack : model.stacks) {
    text += concat(", ", stack.name, " ", stack.layers, " x ", stack.heads);
  }
  return text;
}

void Hash::add(std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    state_ = (state_ ^ static_cast<std::uint64_t>(byte)) * 1099511628211ull;
  }
}

void Hash::add(std::string_view text) {
  add(std::as_bytes(std::span(text)));
  add(std::as_bytes(std::span("\n", 1)));
}

std::string Hash::hex() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) {
    text += kDigits[(state_ >> shift) & 15u];
  }
  return text;
}

}  // namespace twill::search
