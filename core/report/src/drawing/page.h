// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One HTML file that needs nothing else: no network, no fonts, no scripts of others.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "svg.h"

namespace twill::report::drawing {

struct Tile {
  std::string value;
  std::string name;
  std::string note;
};

struct TableRow {
  std::vector<std::string> cells;
  std::string kind;  // a pattern's name: its swatch stands before the first cell
};
struct Table {
  std::vector<std::string> head;
  std::vector<TableRow> rows;
  std::size_t numbers_from = 0;  // columns from here on are numbers
  bool filter = false;           // with a field that hides rows
};

// Text is escaped by every function.
class Page {
 public:
  Page(std::string title, std::string_view above, std::string_view below);

  void tiles(const std::vector<Tile>& tiles);
  void section(std::string_view title, std::string_view text = {});
  void paragraph(std::string_view text);
  // Side by side where the screen is wide enough.
  void figures(const std::vector<Figure>& figures);
  void picture(std::span<const std::uint8_t> png, std::string_view label, std::string_view caption,
               double width);
  void table(const Table& table, std::string_view caption = {});
  void facts(const std::vector<std::pair<std::string, std::string>>& facts);
  void commands(const std::vector<std::string>& lines);
  // What follows until end_columns() stands in two columns.
  void begin_columns();
  void next_column();
  void end_columns();
  // For the script, by this id; "<" is written so that no text ends the element.
  void data(std::string_view id, const std::string& json);

  std::string finish() const;

 private:
  std::string title_;
  std::string body_;
  bool in_section_ = false;
};

// The figure by itself, with its title: an SVG file, and what PNGs are made from.
std::string standalone(const Figure& figure);

// page_style.cpp
std::string page_style();
std::string_view page_script();

}  // namespace twill::report::drawing
