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
class QFrame;
class QMenu;
class QPushButton;
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
  // Offers edits that an earlier process left behind in a bar above the pages, and says there when
  // edits cannot be kept.
  void offer_left_edits(Recovery& recovery);

 protected:
  void closeEvent(QCloseEvent* event) override;

 private:
  void add_pages();
  void add_menus();
  void draw_icons();
  void update_title();
  void offer_next(Recovery& recovery);
  // The sentence above the pages, with buttons; it goes when one of them is pressed.
  QFrame* show_bar(const QString& sentence, const std::vector<QPushButton*>& buttons);
  void remember_file();
  void fill_recent();
  void fill_presets();
  void write_to(const QString& file);
  QString place_beside(const QString& name) const;
  void export_plan();
  // True: saved.
  bool save();
  bool save_as(const QString& title);
  // Offers to save; false: the user wants to go on editing.
  bool may_lose_edits();
  // One question about everything that closing loses or stops, and what is saved first.
  bool may_close();

  Session session_;
  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<QAction*> page_actions_;
  std::vector<QAction*> plan_actions_;  // without a plan they would do nothing
  QStackedWidget* stack_ = nullptr;
  QToolBar* bar_ = nullptr;
  QMenu *recent_ = nullptr, *presets_ = nullptr;
};

}  // namespace twill::gui
