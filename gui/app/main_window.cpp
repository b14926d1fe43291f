// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "app/main_window.h"

#include <QAction>
#include <QActionGroup>
#include <QCloseEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenuBar>
#include <QMessageBox>
#include <QSettings>
#include <QStackedWidget>
#include <QToolBar>
#include <utility>

#include "base/text.h"
#include "base/theme.h"
#include "plan/plan_document.h"
#include "twill/plan/error.h"

namespace twill::gui {

MainWindow::MainWindow(const Session& session, std::vector<std::unique_ptr<Page>> pages)
    : session_(session), pages_(std::move(pages)) {
  setObjectName(QStringLiteral("main_window"));
  resize(1280, 800);
  add_menus();
  add_pages();
  connect(&session_.theme, &Theme::changed, this, &MainWindow::draw_icons);
  connect(&session_.document, &PlanDocument::title_changed, this, &MainWindow::update_title);
  draw_icons();
  update_title();
  restoreGeometry(session_.settings.value(QStringLiteral("window/geometry")).toByteArray());
  for (const auto& page : pages_) {
    session_.settings.beginGroup(QStringLiteral("page_%1").arg(page->id()));
    page->restore_state(session_.settings);
    session_.settings.endGroup();
  }
  if (!show_page(session_.settings.value(QStringLiteral("window/page")).toString()) &&
      !pages_.empty()) {
    show_page(pages_.front()->id());
  }
}

// Widgets look at the models of their pages: they go first.
MainWindow::~MainWindow() { delete takeCentralWidget(); }

void MainWindow::add_pages() {
  stack_ = new QStackedWidget(this);
  setCentralWidget(stack_);
  bar_ = new QToolBar(tr("Pages"), this);
  bar_->setObjectName(QStringLiteral("page_bar"));
  bar_->setMovable(false);
  bar_->setToolButtonStyle(Qt::ToolButtonTextUnderIcon);
  bar_->setIconSize({28, 28});
  addToolBar(Qt::LeftToolBarArea, bar_);
  QMenu* menu = menuBar()->addMenu(tr("&View"));
  auto* group = new QActionGroup(this);
  for (const auto& page : pages_) {
    stack_->addWidget(page->widget());
    auto* action = new QAction(page->title(), group);
    action->setObjectName(QStringLiteral("page_") + page->id());
    action->setCheckable(true);
    action->setShortcut(page->shortcut());
    connect(action, &QAction::triggered, this, [this, id = page->id()] { show_page(id); });
    bar_->addAction(action);
    menu->addAction(action);
    page_actions_.push_back(action);
  }
}

void MainWindow::add_menus() {
  QMenu* file = menuBar()->addMenu(tr("&File"));
  file->addAction(tr("&Open plan..."), QKeySequence::Open, this, [this] {
    const QString name =
        QFileDialog::getOpenFileName(this, tr("Open plan"), session_.document.file(),
                                     tr("Plans and profiles (*.json);;All files (*)"));
    if (!name.isEmpty()) {
      open_plan(name);
    }
  });
  file->addAction(tr("&Save"), QKeySequence::Save, this, [this] { save(); });
  file->addAction(tr("Save &as..."), QKeySequence::SaveAs, this, [this] { save_as(); });
  file->addSeparator();
  file->addAction(tr("&Quit"), QKeySequence::Quit, this, &QWidget::close);
  QMenu* edit = menuBar()->addMenu(tr("&Edit"));
  QAction* undo = session_.document.undo_stack().createUndoAction(this, tr("Undo"));
  undo->setShortcut(QKeySequence::Undo);
  QAction* redo = session_.document.undo_stack().createRedoAction(this, tr("Redo"));
  redo->setShortcut(QKeySequence::Redo);
  edit->addActions({undo, redo});
}

void MainWindow::draw_icons() {
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    page_actions_[i]->setIcon(session_.theme.icon(pages_[i]->icon_name()));
  }
}

void MainWindow::update_title() {
  const QString file = session_.document.file();
  QString name = tr("no plan");
  if (session_.document.plan()) {
    name = file.isEmpty() ? tr("new plan") : QFileInfo(file).fileName();
  }
  setWindowTitle(QStringLiteral("%1[*] - Twill Studio").arg(name));
  setWindowModified(session_.document.plan() != nullptr && session_.document.modified());
}

bool MainWindow::show_page(const QString& id) {
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    if (pages_[i]->id() == id) {
      stack_->setCurrentIndex(static_cast<int>(i));
      page_actions_[i]->setChecked(true);
      pages_[i]->widget()->setFocus();
      return true;
    }
  }
  return false;
}

QString MainWindow::page_shown() const {
  return pages_.empty() ? QString()
                        : pages_[static_cast<std::size_t>(stack_->currentIndex())]->id();
}

bool MainWindow::open_plan(const QString& file) {
  if (!may_lose_edits()) {
    return false;
  }
  try {
    session_.document.open(file);
    return true;
  } catch (const Error& error) {
    QMessageBox::warning(this, tr("Open plan"), to_qt(error.what()));
    return false;
  }
}

bool MainWindow::save() {
  if (!session_.document.plan()) {
    return false;
  }
  if (session_.document.file().isEmpty()) {
    return save_as();
  }
  try {
    session_.document.save_as(session_.document.file());
    return true;
  } catch (const Error& error) {
    QMessageBox::warning(this, tr("Save plan"), to_qt(error.what()));
    return false;
  }
}

bool MainWindow::save_as() {
  if (!session_.document.plan()) {
    return false;
  }
  const QString name = QFileDialog::getSaveFileName(this, tr("Save plan"), session_.document.file(),
                                                    tr("Plans (*.json)"));
  if (name.isEmpty()) {
    return false;
  }
  try {
    session_.document.save_as(name);
    return true;
  } catch (const Error& error) {
    QMessageBox::warning(this, tr("Save plan"), to_qt(error.what()));
    return false;
  }
}

bool MainWindow::may_lose_edits() {
  if (!session_.document.plan() || !session_.document.modified()) {
    return true;
  }
  const auto answer = QMessageBox::question(
      this, tr("Unsaved edits"), tr("The plan has edits that were not saved. Save them?"),
      QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel);
  return answer == QMessageBox::Discard || (answer == QMessageBox::Save && save());
}

void MainWindow::closeEvent(QCloseEvent* event) {
  for (const auto& page : pages_) {
    if (!page->may_close()) {
      event->ignore();
      return;
    }
  }
  if (!may_lose_edits()) {
    event->ignore();
    return;
  }
  for (const auto& page : pages_) {
    session_.settings.beginGroup(QStringLiteral("page_%1").arg(page->id()));
    page->save_state(session_.settings);
    session_.settings.endGroup();
  }
  session_.settings.setValue(QStringLiteral("window/geometry"), saveGeometry());
  session_.settings.setValue(QStringLiteral("window/page"), page_shown());
  event->accept();
}

}  // namespace twill::gui
