// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "json_text.h"

#include <nlohmann/json.hpp>

#include "twill/plan/error.h"

namespace twill {

std::string quoted(const std::string& text, std::string_view path) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kFile, concat(path, ": the text is not UTF-8"));
  }
}

void ObjectWriter::add(const std::string& name, const std::string& value) {
  fields_ += concat(fields_.empty() ? "" : ",", "\n", indent_, "  ", quoted(name, "a field's name"),
                    ": ", value);
}

std::string ObjectWriter::text() const {
  return fields_.empty() ? "{}" : concat("{", fields_, "\n", indent_, "}");
}

std::string lines_array(const std::vector<std::string>& entries, std::size_t indent) {
  if (entries.empty()) {
    return "[]";
  }
  const std::string space(indent, ' ');
  std::string text = "[";
  for (const std::string& entry : entries) {
    text += concat(text.size() == 1 ? "" : ",", "\n", space, "  ", entry);
  }
  return concat(text, "\n", space, "]");
}

std::string one_line_array(const std::vector<std::string>& entries) {
  std::string text = "[";
  for (const std::string& entry : entries) {
    text += (text.size() == 1 ? "" : ", ") + entry;
  }
  return text + "]";
}

}  // namespace twill
