// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/pattern.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "checks.h"
#include "order_names.h"
#include "overloaded.h"
#include "shortest.h"

namespace twill {
namespace {

// "0.13", "1.5", "2": what a person reads.
std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  std::string number = text;
  number.erase(number.find_last_not_of('0') + 1);
  if (number.back() == '.') {
    number.pop_back();
  }
  return number == "-0" ? "0" : number;
}

std::string describe_frames(std::int32_t radius) {
  return radius >= kAllFrames ? "all frames" : concat(radius, "f");
}

std::string describe_part(const SimplePattern& part) {
  return std::visit(
      Overloaded{[](const Diagonal& p) { return concat("diagonal ", short_number(p.reach), "f"); },
                 [](const MultiDiagonal& p) {
                   return concat("multi_diagonal ", describe_frames(p.frames), " ",
                                 short_number(p.rows), "r ", short_number(p.cols), "c");
                 },
                 [](const VerticalStripe& p) {
                   return concat("stripe ", p.boxes.size(),
                                 p.boxes.size() == 1 ? " box" : " boxes");
                 },
                 [](const Window& p) {
                   std::string text = concat("window ", describe_frames(p.frames), " ",
                                             short_number(p.rows), "r ", short_number(p.cols), "c");
                   if (p.offset_frames != 0 || p.offset_rows != 0.0 || p.offset_cols != 0.0) {
                     text += concat(" at ", p.offset_frames, "f ", short_number(p.offset_rows),
                                    "r ", short_number(p.offset_cols), "c");
                   }
                   return text;
                 }},
      part);
}

constexpr PatternKind kind_of(const SimplePattern& part) {
  constexpr PatternKind kKinds[] = {PatternKind::kDiagonal, PatternKind::kMultiDiagonal,
                                    PatternKind::kVerticalStripe, PatternKind::kWindow};
  static_assert(std::size(kKinds) == std::variant_size_v<SimplePattern>);
  return kKinds[part.index()];
}

class PartChecker {
 public:
  explicit PartChecker(std::string where) : where_(std::move(where)) {}

  void operator()(const Diagonal& part) const {
    finite("reach", part.reach);
    require(part.reach >= 0.0, ErrorCode::kFile, path("reach"), shortest(part.reach),
            " is negative");
  }

  void operator()(const MultiDiagonal& part) const {
    not_negative("frames", part.frames);
    within("rows", part.rows, 0.0);
    within("cols", part.cols, 0.0);
  }

  void operator()(const Window& part) const {
    not_negative("frames", part.frames);
    within("rows", part.rows, 0.0);
    within("cols", part.cols, 0.0);
    within("offset_rows", part.offset_rows, -1.0);
    within("offset_cols", part.offset_cols, -1.0);
  }

  void operator()(const VerticalStripe& part) const {
    require(!part.boxes.empty(), ErrorCode::kFile, path("boxes"),
            "a stripe needs at least one box");
    require(part.boxes.size() <= kMostBoxes, ErrorCode::kFile, path("boxes"), part.boxes.size(),
            " boxes are more than ", kMostBoxes);
    for (std::size_t i = 0; i < part.boxes.size(); ++i) {
      PartChecker(concat(join_path(where_, "boxes"), "[", i, "]")).check_box(part.boxes[i]);
    }
  }

 private:
  std::string path(std::string_view field) const { return join_path(where_, field) + ": "; }

  void finite(std::string_view field, double value) const {
    require(std::isfinite(value), ErrorCode::kFile, path(field), shortest(value),
            " is not a finite number");
  }

  void not_negative(std::string_view field, std::int32_t value) const {
    require(value >= 0, ErrorCode::kFile, path(field), value, " is negative");
  }

  void within(std::string_view field, double value, double least) const {
    finite(field, value);
    require(least < 0.0 || value >= 0.0, ErrorCode::kFile, path(field), shortest(value),
            " is negative");
    require(value >= least && value <= 1.0, ErrorCode::kFile, path(field), shortest(value),
            " is outside ", least, "..1");
  }

  void check_box(const KeyBox& box) const {
    within("row_begin", box.row_begin, 0.0);
    within("row_end", box.row_end, 0.0);
    within("col_begin", box.col_begin, 0.0);
    within("col_end", box.col_end, 0.0);
    if ((box.frame_begin < 0) == (box.frame_end < 0)) {  // else the clip's length decides
      ordered("frame_end", box.frame_begin, box.frame_end);
    }
    ordered("row_end", box.row_begin, box.row_end);
    ordered("col_end", box.col_begin, box.col_end);
  }

  template <typename Number>
  void ordered(std::string_view field, Number begin, Number end) const {
    require(end > begin, ErrorCode::kFile, path(field), end, " is not above the begin, ", begin);
  }

  std::string where_;
};

void check_order(const TokenOrder& order, std::string_view where) {
  const std::string path = join_path(where, "order") + ": ";
  for (const std::int32_t side : {order.frames, order.rows, order.cols}) {
    if (order.kind == OrderKind::kTiles) {
      require(side >= 1 && side <= kMostTileSide, ErrorCode::kFile, path, order_name(order),
              " has a side outside 1..", kMostTileSide);
    } else {
      require(side == 1, ErrorCode::kFile, path, order_name(order), " has no tiles, but a side of ",
              side);
    }
  }
}

}  // namespace

Pattern dense() { return {.kind = PatternKind::kDense, .parts = {}, .order = {}}; }
Pattern skip() { return {.kind = PatternKind::kSkip, .parts = {}, .order = {}}; }
Pattern mean() { return {.kind = PatternKind::kMean, .parts = {}, .order = {}}; }

Pattern make_pattern(SimplePattern part, std::optional<TokenOrder> order) {
  const PatternKind kind = kind_of(part);
  return {.kind = kind, .parts = {std::move(part)}, .order = order};
}

Pattern make_union(std::vector<SimplePattern> parts, std::optional<TokenOrder> order) {
  return {.kind = PatternKind::kUnion, .parts = std::move(parts), .order = order};
}

std::string_view pattern_name(PatternKind kind) { return name_in(kPatternNames, kind); }

std::string describe(const Pattern& pattern) {
  std::string text;
  for (const SimplePattern& part : pattern.parts) {
    text += (text.empty() ? "" : " + ") + describe_part(part);
  }
  if (text.empty()) {
    text = pattern_name(pattern.kind);
  }
  return pattern.order ? concat(text, ", ", order_name(*pattern.order)) : text;
}

void check_pattern(const Pattern& pattern, std::string_view where) {
  const std::string parts_path = join_path(where, "parts");
  switch (pattern.kind) {
    case PatternKind::kDense:
    case PatternKind::kSkip:
    case PatternKind::kMean:
      require(pattern.parts.empty(), ErrorCode::kFile, parts_path, ": ", pattern_name(pattern.kind),
              " has no parts, not ", pattern.parts.size());
      require(!pattern.order, ErrorCode::kFile, join_path(where, "order"), ": ",
              pattern_name(pattern.kind), " has no token order");
      return;
    case PatternKind::kUnion:
      require(pattern.parts.size() >= 2 && pattern.parts.size() <= kMostParts, ErrorCode::kFile,
              parts_path, ": a union has 2..", kMostParts, " parts, not ", pattern.parts.size());
      for (std::size_t i = 0; i < pattern.parts.size(); ++i) {
        std::visit(PartChecker(concat(parts_path, "[", i, "]")), pattern.parts[i]);
      }
      break;
    default:
      require(pattern.parts.size() == 1, ErrorCode::kFile, parts_path, ": ",
              pattern_name(pattern.kind), " has one part, not ", pattern.parts.size());
      require(pattern.kind == kind_of(pattern.parts[0]), ErrorCode::kFile, parts_path, ": ",
              pattern_name(pattern.kind), " has a part that is a ",
              pattern_name(kind_of(pattern.parts[0])));
      std::visit(PartChecker(std::string(where)), pattern.parts[0]);
  }
  if (pattern.order) {
    check_order(*pattern.order, where);
  }
}

std::optional<TokenOrder> parse_order_name(std::string_view text) {
  for (const auto& [kind, name] : kOrderNames) {
    if (kind != OrderKind::kTiles && text == name) {
      return TokenOrder{.kind = kind};
    }
  }
  const std::string prefix = concat(order_kind_name(OrderKind::kTiles), " ");
  if (!text.starts_with(prefix)) {
    return std::nullopt;
  }
  TokenOrder order{.kind = OrderKind::kTiles};
  const char* at = text.data() + prefix.size();
  const char* const end = text.data() + text.size();
  for (std::int32_t* side : {&order.frames, &order.rows, &order.cols}) {
    if (side != &order.frames && (at == end || *at++ != 'x')) {
      return std::nullopt;
    }
    const auto [next, error] = std::from_chars(at, end, *side);
    if (error != std::errc()) {
      return std::nullopt;
    }
    at = next;
  }
  return at == end ? std::optional(order) : std::nullopt;
}

}  // namespace twill
