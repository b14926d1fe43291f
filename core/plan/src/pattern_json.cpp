// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "pattern_json.h"

#include <algorithm>
#include <charconv>

#include "checks.h"
#include "facts_json.h"
#include "json_text.h"
#include "order_names.h"
#include "overloaded.h"
#include "shortest.h"

namespace twill {
namespace {

PatternKind read_kind(const JsonValue& value) {
  return read_named(value.at("kind"), kPatternNames, "pattern");
}

std::int32_t int_or(const JsonValue& value, const char* field, std::int32_t otherwise) {
  const std::optional<JsonValue> found = value.find(field);
  return found ? found->as_int() : otherwise;
}

double number_or(const JsonValue& value, const char* field, double otherwise) {
  const std::optional<JsonValue> found = value.find(field);
  return found ? found->as_number() : otherwise;
}

KeyBox read_box(const JsonValue& value) {
  value.check_fields({"frame_begin", "frame_end", "row_begin", "row_end", "col_begin", "col_end"});
  return {.frame_begin = value.at("frame_begin").as_int(),
          .frame_end = value.at("frame_end").as_int(),
          .row_begin = number_or(value, "row_begin", 0.0),
          .row_end = number_or(value, "row_end", 1.0),
          .col_begin = number_or(value, "col_begin", 0.0),
          .col_end = number_or(value, "col_end", 1.0)};
}

VerticalStripe read_stripe(const JsonValue& value) {
  const JsonValue boxes = value.at("boxes");
  VerticalStripe stripe;
  stripe.boxes.resize(boxes.size_up_to(kMostBoxes));
  for (std::size_t i = 0; i < stripe.boxes.size(); ++i) {
    stripe.boxes[i] = read_box(boxes[i]);
  }
  return stripe;
}

Window read_window(const JsonValue& value) {
  return {.frames = value.at("frames").as_int(),
          .rows = value.at("rows").as_number(),
          .cols = value.at("cols").as_number(),
          .offset_frames = int_or(value, "offset_frames", 0),
          .offset_rows = number_or(value, "offset_rows", 0.0),
          .offset_cols = number_or(value, "offset_cols", 0.0)};
}

// `member`: one of a union's, which names no order of its own.
SimplePattern read_part(const JsonValue& value, PatternKind kind, bool member) {
  // check_fields() below takes "kind" twice where "order" is not allowed.
  const std::string_view order = member ? "kind" : "order";
  switch (kind) {
    case PatternKind::kDiagonal:
      value.check_fields({"kind", order, "reach"});
      return Diagonal{.reach = value.at("reach").as_number()};
    case PatternKind::kMultiDiagonal:
      value.check_fields({"kind", order, "frames", "rows", "cols"});
      return MultiDiagonal{.frames = value.at("frames").as_int(),
                           .rows = value.at("rows").as_number(),
                           .cols = value.at("cols").as_number()};
    case PatternKind::kVerticalStripe:
      value.check_fields({"kind", order, "boxes"});
      return read_stripe(value);
    case PatternKind::kWindow:
      value.check_fields(
          {"kind", order, "frames", "rows", "cols", "offset_frames", "offset_rows", "offset_cols"});
      return read_window(value);
    default:
      value.at("kind").fail("a union has no part of kind ", pattern_name(kind));
  }
}

TokenOrder read_order(const JsonValue& value) {
  const std::optional<TokenOrder> order = parse_order_name(value.as_string());
  if (!order) {
    value.fail("unknown token order ", value.shown());
  }
  return *order;
}

std::int32_t version_part(const JsonValue& version, std::string_view text) {
  std::int32_t part = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
  const bool padded = text.size() > 1 && text[0] == '0';
  if (error != std::errc() || end != text.data() + text.size() || part < 0 || padded) {
    version.fail(version.shown(), " is not a version such as \"", kSchemaMajor, ".", kSchemaMinor,
                 "\"");
  }
  return part;
}

// One line of "name": value.
class OneLineObject {
 public:
  void add(std::string_view name, const std::string& value) {
    text_ += concat(text_.size() == 1 ? "" : ", ", "\"", name, "\": ", value);
  }
  void add(std::string_view name, double value) { add(name, shortest(value)); }
  void add(std::string_view name, std::int32_t value) { add(name, std::to_string(value)); }
  template <typename Number>
  void add_unless(Number usual, std::string_view name, Number value) {
    if (value != usual) {
      add(name, value);
    }
  }
  std::string text() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

std::string box_text(const KeyBox& box) {
  OneLineObject object;
  object.add("frame_begin", box.frame_begin);
  object.add("frame_end", box.frame_end);
  object.add_unless(0.0, "row_begin", box.row_begin);
  object.add_unless(1.0, "row_end", box.row_end);
  object.add_unless(0.0, "col_begin", box.col_begin);
  object.add_unless(1.0, "col_end", box.col_end);
  return object.text();
}

void add_part(const SimplePattern& part, OneLineObject& object) {
  std::visit(Overloaded{[&](const Diagonal& p) { object.add("reach", p.reach); },
                        [&](const MultiDiagonal& p) {
                          object.add("frames", p.frames);
                          object.add("rows", p.rows);
                          object.add("cols", p.cols);
                        },
                        [&](const VerticalStripe& p) {
                          std::vector<std::string> boxes;
                          std::transform(p.boxes.begin(), p.boxes.end(), std::back_inserter(boxes),
                                         box_text);
                          object.add("boxes", one_line_array(boxes));
                        },
                        [&](const Window& p) {
                          object.add("frames", p.frames);
                          object.add("rows", p.rows);
                          object.add("cols", p.cols);
                          object.add_unless(0, "offset_frames", p.offset_frames);
                          object.add_unless(0.0, "offset_rows", p.offset_rows);
                          object.add_unless(0.0, "offset_cols", p.offset_cols);
                        }},
             part);
}

}  // namespace

std::int32_t read_schema_minor(const JsonValue& root) {
  const JsonValue version = root.at("schema_version");
  const std::string_view text = version.as_string();
  const std::size_t dot = std::min(text.find('.'), text.size());
  const std::int32_t major = version_part(version, text.substr(0, dot));
  const std::int32_t minor = version_part(version, text.substr(std::min(dot + 1, text.size())));
  if (major != kSchemaMajor) {
    version.fail("version ", text, " is not readable here; this is for ", kSchemaMajor, ".x");
  }
  return minor;
}

std::map<std::string, std::string> read_newer_fields(
    const JsonValue& root, std::int32_t schema_minor, std::vector<std::string> known,
    std::initializer_list<std::pair<std::string_view, std::int32_t>> since) {
  for (const auto& [name, minor] : since) {
    if (schema_minor >= minor) {
      known.emplace_back(name);
    }
  }
  std::map<std::string, std::string> newer;
  if (schema_minor <= kSchemaMinor) {
    root.check_fields(known);
    return newer;
  }
  for (const auto& entry : root.raw().items()) {
    if (std::find(known.begin(), known.end(), entry.key()) == known.end()) {
      newer[entry.key()] = entry.value().dump();
    }
  }
  return newer;
}

Pattern read_pattern(const JsonValue& value) {
  Pattern pattern{.kind = read_kind(value)};
  switch (pattern.kind) {
    case PatternKind::kDense:
    case PatternKind::kSkip:
    case PatternKind::kMean:
      value.check_fields({"kind"});
      return pattern;
    case PatternKind::kUnion: {
      value.check_fields({"kind", "order", "parts"});
      const JsonValue parts = value.at("parts");
      const std::size_t count = parts.size_up_to(kMostParts);
      for (std::size_t i = 0; i < count; ++i) {
        const JsonValue part = parts[i];
        pattern.parts.push_back(read_part(part, read_kind(part), true));
      }
      break;
    }
    default:
      pattern.parts.push_back(read_part(value, pattern.kind, false));
  }
  if (const std::optional<JsonValue> order = value.find("order")) {
    pattern.order = read_order(*order);
  }
  return pattern;
}

std::vector<Pattern> read_patterns(const JsonValue& value) {
  std::vector<Pattern> patterns(value.size_up_to(kMostPatterns));
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    patterns[i] = read_pattern(value[i]);
  }
  return patterns;
}

TokenLayout read_layout(const JsonValue& value) {
  value.check_fields({"prefix", "frames", "rows", "cols", "suffix"});
  return {.prefix = int_or(value, "prefix", 0),
          .frames = value.at("frames").as_int(),
          .rows = value.at("rows").as_int(),
          .cols = value.at("cols").as_int(),
          .suffix = int_or(value, "suffix", 0)};
}

ModelShape read_model(const JsonValue& value) {
  value.check_fields({"family", "experts", "stacks", "head_dim"});
  ModelShape model{.family = value.at("family").as_string(), .experts = {}};
  const JsonValue experts = value.at("experts");
  const std::size_t expert_count = experts.size_up_to(kMostExperts);
  for (std::size_t i = 0; i < expert_count; ++i) {
    model.experts.push_back(experts[i].as_string());
  }
  const JsonValue stacks = value.at("stacks");
  const std::size_t stack_count = stacks.size_up_to(kMostStacks);
  for (std::size_t i = 0; i < stack_count; ++i) {
    const JsonValue stack = stacks[i];
    stack.check_fields({"name", "layers", "heads"});
    model.stacks.push_back({.name = stack.at("name").as_string(),
                            .layers = stack.at("layers").as_int(),
                            .heads = stack.at("heads").as_int()});
  }
  model.head_dim = value.at("head_dim").as_int();
  return model;
}

std::map<std::string, std::string> read_provenance(const JsonValue& root) {
  std::map<std::string, std::string> provenance;
  const std::optional<JsonValue> found = root.find("provenance");
  if (!found) {
    return provenance;
  }
  found->check_is_object();
  if (found->raw().size() > kMostProvenance) {
    found->fail(found->raw().size(), " entries are more than ", kMostProvenance);
  }
  for (const auto& entry : found->raw().items()) {
    provenance[entry.key()] = found->at(entry.key()).as_string();
  }
  return provenance;
}

std::string schema_version_text(std::int32_t schema_minor) {
  return concat("\"", kSchemaMajor, ".", schema_minor, "\"");
}

std::string pattern_text(const Pattern& pattern) {
  OneLineObject object;
  const auto name = [](PatternKind kind) { return concat("\"", pattern_name(kind), "\""); };
  object.add("kind", name(pattern.kind));
  if (pattern.kind == PatternKind::kUnion) {
    std::vector<std::string> parts;
    for (const SimplePattern& part : pattern.parts) {
      OneLineObject member;
      member.add("kind", name(make_pattern(part).kind));
      add_part(part, member);
      parts.push_back(member.text());
    }
    object.add("parts", one_line_array(parts));
  } else if (!pattern.parts.empty()) {
    add_part(pattern.parts[0], object);
  }
  if (pattern.order) {
    object.add("order", concat("\"", order_name(*pattern.order), "\""));
  }
  return object.text();
}

std::string patterns_text(const std::vector<Pattern>& patterns, std::size_t indent) {
  std::vector<std::string> lines;
  std::transform(patterns.begin(), patterns.end(), std::back_inserter(lines), pattern_text);
  return lines_array(lines, indent);
}

std::string layout_text(const TokenLayout& layout) {
  OneLineObject object;
  object.add_unless(0, "prefix", layout.prefix);
  object.add("frames", layout.frames);
  object.add("rows", layout.rows);
  object.add("cols", layout.cols);
  object.add_unless(0, "suffix", layout.suffix);
  return object.text();
}

std::string model_text(const ModelShape& model, std::string_view path) {
  OneLineObject object;
  object.add("family", quoted(model.family, join_path(path, "family")));
  std::vector<std::string> experts;
  for (const std::string& expert : model.experts) {
    experts.push_back(quoted(expert, join_path(path, "experts")));
  }
  object.add("experts", one_line_array(experts));
  std::vector<std::string> stacks;
  for (const StackShape& stack : model.stacks) {
    OneLineObject shape;
    shape.add("name", quoted(stack.name, join_path(path, "stacks")));
    shape.add("layers", stack.layers);
    shape.add("heads", stack.heads);
    stacks.push_back(shape.text());
  }
  object.add("stacks", one_line_array(stacks));
  object.add("head_dim", model.head_dim);
  return object.text();
}

std::string provenance_text(const std::map<std::string, std::string>& provenance,
                            std::size_t indent, std::string_view path) {
  ObjectWriter object(indent);
  for (const auto& [key, value] : provenance) {
    object.add(key, quoted(value, join_path(path, "provenance." + key)));
  }
  return object.text();
}

}  // namespace twill
