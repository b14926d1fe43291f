// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Writes JSON text with a layout that people can read and diff: short things on one line.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "twill/plan/plan.h"

namespace twill {

// A quoted, escaped text. Throws Error(kFile) naming `path` when it is not UTF-8.
std::string quoted(const std::string& text, std::string_view path);

// Lines of "name": value, put between braces at an indent.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::size_t indent) : indent_(indent, ' ') {}

  void add(const std::string& name, const std::string& value);
  std::string text() const;

 private:
  std::string indent_;
  std::string fields_;
};

// [ entry, entry ] with one entry a line, or [] where there is none.
std::string lines_array(const std::vector<std::string>& entries, std::size_t indent);
// [entry, entry]
std::string one_line_array(const std::vector<std::string>& entries);

}  // namespace twill
