// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "app/shortcuts_page.h"

#include <QHeaderView>
#include <QTableWidget>

namespace twill::gui {
namespace {

struct Line {
  QString where, keys, what;
};

QString native(const QKeySequence& keys) { return keys.toString(QKeySequence::NativeText); }

std::vector<Line> lines_of_widgets() {
  const QString window = ShortcutsPage::tr("Window");
  const QString map = ShortcutsPage::tr("Heads map");
  const QString picture = ShortcutsPage::tr("Attention map");
  const QString video = ShortcutsPage::tr("Video grid");
  const QString chart = ShortcutsPage::tr("Charts");
  return {
      {window, native(QKeySequence::Open), ShortcutsPage::tr("Open a plan")},
      {window, native(QKeySequence::Save), ShortcutsPage::tr("Save the plan")},
      {window, native(QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_S)),
       ShortcutsPage::tr("Save under another name")},
      {window, native(QKeySequence(Qt::CTRL | Qt::Key_E)), ShortcutsPage::tr("Export the heads")},
      {window, native(QKeySequence::Undo), ShortcutsPage::tr("Undo an edit")},
      {window, native(QKeySequence::Redo), ShortcutsPage::tr("Redo it")},
      {window, native(QKeySequence(Qt::CTRL | Qt::Key_Q)), ShortcutsPage::tr("Quit")},
      {map, ShortcutsPage::tr("Arrows, Home, End, Page up, Page down"),
       ShortcutsPage::tr("Move; with Shift select a rectangle")},
      {map, native(QKeySequence::SelectAll), ShortcutsPage::tr("Select all heads")},
      {map, ShortcutsPage::tr("Escape"), ShortcutsPage::tr("Select none")},
      {map, QStringLiteral("+  -  0"), ShortcutsPage::tr("Zoom in, out, show all")},
      {picture, ShortcutsPage::tr("Arrows"), ShortcutsPage::tr("Move the picked block")},
      {picture, QStringLiteral("+  -  0"), ShortcutsPage::tr("Zoom in, out, show all")},
      {picture, QStringLiteral("K"), ShortcutsPage::tr("Show or hide what the plan keeps")},
      {video, ShortcutsPage::tr("Arrows, Page up, Page down"),
       ShortcutsPage::tr("Move the picked token; pages go by frames")},
      {chart, ShortcutsPage::tr("Left, Right, Return"),
       ShortcutsPage::tr("Go from point to point, take one")},
  };
}

}  // namespace

ShortcutsPage::ShortcutsPage(const std::vector<std::unique_ptr<Page>>& pages) {
  auto* table = new QTableWidget;
  table->setObjectName(QStringLiteral("shortcuts_table"));
  widget_ = table;
  std::vector<Line> lines;
  for (const auto& page : pages) {
    lines.push_back({tr("Pages"), native(page->shortcut()), page->title()});
  }
  lines.push_back({tr("Pages"), native(shortcut()), title()});
  for (const Line& line : lines_of_widgets()) {
    lines.push_back(line);
  }
  table->setColumnCount(3);
  table->setHorizontalHeaderLabels({tr("Where"), tr("Keys"), tr("What")});
  table->setRowCount(static_cast<int>(lines.size()));
  table->verticalHeader()->hide();
  table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setTabKeyNavigation(false);
  for (int row = 0; row < table->rowCount(); ++row) {
    const Line& line = lines[static_cast<std::size_t>(row)];
    table->setItem(row, 0, new QTableWidgetItem(line.where));
    table->setItem(row, 1, new QTableWidgetItem(line.keys));
    table->setItem(row, 2, new QTableWidgetItem(line.what));
  }
  table->resizeColumnsToContents();
  table->horizontalHeader()->setStretchLastSection(true);
}

}  // namespace twill::gui
