// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The window: a bar of pages, and what every page shares (files, undo, keys).
#pragma once

#include <QMainWindow>
#include <memory>
#include <vector>

#include "base/page.h"
#include "plan/session.h"

class QAction;
class QMenu;
class QStackedWidget;
class QToolBar;

namespace twill::gui {

class Recovery;

class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  MainWindow(const Session& session, std::vector<std::unique_ptr<Page>> pages);
  ~MainWindow() override;

  // Opens the file, and tells the user in a dialogue when it cannot be.
  bool open_plan(const QString& file);
  // False when there is no such page.
  bool show_page(const QString& id);
  QString page_shown() const;
  QStringList recent_files() const;
  // Offers edits that an earlier process left behind in a bar above the pages.
  void offer_left_edits(Recovery& recovery);

 protected:
  void closeEvent(QCloseEvent* event) override;

 private:
  void add_pages();
  void add_menus();
  void draw_icons();
  void update_title();
  void remember_file();
  void fill_recent();
  void fill_presets();
  bool save_to(const QString& file);
  void export_plan();
  bool save();
  bool save_as();
  // Offers to save; false: the user wants to go on editing.
  bool may_lose_edits();

  Session session_;
  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<QAction*> page_actions_;
  QStackedWidget* stack_ = nullptr;
  QToolBar* bar_ = nullptr;
  QMenu *recent_ = nullptr, *presets_ = nullptr;
};

}  // namespace twill::gui
