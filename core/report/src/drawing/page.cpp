// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "page.h"

#include "theme.h"
#include "twill/plan/base64.h"
#include "twill/plan/error.h"

namespace twill::report::drawing {
namespace {

// Nothing may be loaded from anywhere: the browser holds the page to it.
constexpr std::string_view kPolicy =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

std::string figure_element(const Figure& figure) {
  return concat("<figure><h3>", escape(figure.title), "</h3>\n", figure.svg.finish(figure.title),
                "<figcaption>", escape(figure.caption), "</figcaption></figure>\n");
}

}  // namespace

Page::Page(std::string title, std::string_view above, std::string_view below)
    : title_(std::move(title)) {
  body_ = concat("<header><p class=\"above\">", escape(above), "</p><h1>", escape(title_),
                 "</h1><p class=\"below\">", escape(below), "</p></header>\n");
}

void Page::tiles(const std::vector<Tile>& tiles) {
  body_ += "<div class=\"tiles\">\n";
  for (const Tile& tile : tiles) {
    body_ += concat("<div class=\"tile\"><p class=\"name\">", escape(tile.name),
                    "</p><p class=\"value\">", escape(tile.value), "</p><p class=\"note\">",
                    escape(tile.note), "</p></div>\n");
  }
  body_ += "</div>\n";
}

void Page::section(std::string_view title, std::string_view text) {
  body_ += concat(in_section_ ? "</section>\n" : "", "<section><h2>", escape(title), "</h2>\n");
  in_section_ = true;
  if (!text.empty()) {
    paragraph(text);
  }
}

void Page::paragraph(std::string_view text) { body_ += concat("<p>", escape(text), "</p>\n"); }

void Page::figures(const std::vector<Figure>& figures) {
  const bool several = figures.size() > 1;
  body_ += several ? "<div class=\"columns\">\n" : "";
  for (const Figure& figure : figures) {
    body_ += figure_element(figure);
  }
  body_ += several ? "</div>\n" : "";
}

void Page::picture(std::span<const std::uint8_t> png, std::string_view label,
                   std::string_view caption, double width) {
  body_ += concat("<figure><img alt=\"", escape(label), "\" style=\"width:", fixed(width, 0),
                  "px\" src=\"data:image/png;base64,", to_base64(png), "\"><figcaption>",
                  escape(caption), "</figcaption></figure>\n");
}

void Page::table(const Table& table, std::string_view caption) {
  if (table.filter) {
    body_ +=
        "<p class=\"filter\"><label>Show rows with <input type=\"search\" class=\"filter\" "
        "placeholder=\"part of any cell\"></label></p>\n";
  }
  body_ += "<div class=\"wide\"><table>";
  if (!caption.empty()) {
    body_ += concat("<caption>", escape(caption), "</caption>");
  }
  body_ += "<thead><tr>";
  const auto cell = [&](std::string_view element, std::size_t column, const std::string& text,
                        std::string_view kind) {
    const std::string swatch =
        column == 0 && !kind.empty() ? concat("<span class=\"swatch b-", kind, "\"></span>") : "";
    body_ += concat("<", element, column >= table.numbers_from ? " class=\"number\">" : ">", swatch,
                    escape(text), "</", element, ">");
  };
  for (std::size_t i = 0; i < table.head.size(); ++i) {
    cell("th", i, table.head[i], {});
  }
  body_ += "</tr></thead><tbody>\n";
  for (const TableRow& row : table.rows) {
    body_ += row.kind.empty() ? "<tr>" : concat("<tr data-kind=\"", escape(row.kind), "\">");
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      cell("td", i, row.cells[i], escape(row.kind));
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
}

void Page::facts(const std::vector<std::pair<std::string, std::string>>& facts) {
  body_ += "<dl>";
  for (const auto& [name, value] : facts) {
    body_ += concat("<dt>", escape(name), "</dt><dd>", escape(value), "</dd>\n");
  }
  body_ += "</dl>\n";
}

void Page::commands(const std::vector<std::string>& lines) {
  body_ += "<pre>";
  for (const std::string& line : lines) {
    body_ += escape(line) + "\n";
  }
  body_ += "</pre>\n";
}

void Page::begin_columns() { body_ += "<div class=\"columns\"><div>\n"; }
void Page::next_column() { body_ += "</div><div>\n"; }
void Page::end_columns() { body_ += "</div></div>\n"; }

void Page::data(std::string_view id, const std::string& json) {
  std::string safe;
  for (const char c : json) {
    safe += c == '<' ? "\\u003c" : std::string(1, c);
  }
  body_ += concat("<script type=\"application/json\" id=\"", id, "\">", safe, "</script>\n");
}

std::string Page::finish() const {
  return concat("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n",
                "<meta http-equiv=\"Content-Security-Policy\" content=\"", kPolicy, "\">\n",
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
                "<meta name=\"generator\" content=\"Twill\">\n",  // as outputs.h knows it again
                "<title>", escape(title_), "</title>\n<style>", page_drawing_style(), page_style(),
                "</style></head>\n<body><main>\n", body_, in_section_ ? "</section>\n" : "",
                "</main>\n<div id=\"tip\" hidden></div>\n<script>", page_script(),
                "</script>\n</body></html>\n");
}

std::string standalone(const Figure& figure) {
  constexpr double kMargin = 16.0;
  constexpr double kTitle = 30.0;
  Svg svg(figure.svg.width() + 2 * kMargin, figure.svg.height() + 2 * kMargin + kTitle);
  svg.text(kMargin, kMargin + 12, figure.title, "start", "head");
  return svg.finish(figure.title, drawing_style(), &figure.svg, {kMargin, kMargin + kTitle});
}

}  // namespace twill::report::drawing
