// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "app/main_window.h"

#include <QAction>
#include <QActionGroup>
#include <QCloseEvent>
#include <QDir>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QMenuBar>
#include <QMessageBox>
#include <QPushButton>
#include <QScreen>
#include <QSettings>
#include <QStackedWidget>
#include <QStandardPaths>
#include <QToolBar>
#include <QVBoxLayout>
#include <utility>

#include "app/export.h"
#include "base/save_file.h"
#include "base/text.h"
#include "base/theme.h"
#include "plan/plan_document.h"
#include "plan/recovery.h"
#include "twill/jobs/model_folders.h"
#include "twill/plan/error.h"

namespace twill::gui {
namespace {

constexpr int kMostRecent = 10;
constexpr qint64 kPlanMark = 64;  // bytes within which a plan's file names its schema

// Plans that came with the program: <presets>/<family>/<name>.json.
QStringList preset_plans() {
  QStringList found;
  try {
    const QDir presets(path_to_qt(jobs::find_demo_model().parent_path()));
    for (const QString& family : presets.entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
      const QDir folder(presets.filePath(family));
      for (const QString& name : folder.entryList({QStringLiteral("*.json")}, QDir::Files)) {
        QFile file(folder.filePath(name));
        // Other data stand there too.
        if (file.open(QIODevice::ReadOnly) && file.read(kPlanMark).contains("\"schema_version\"")) {
          found.append(file.fileName());
        }
      }
    }
  } catch (const Error&) {
    // Without the demo's folder there are no presets either.
  }
  return found;
}

}  // namespace

MainWindow::MainWindow(const Session& session, std::vector<std::unique_ptr<Page>> pages)
    : session_(session), pages_(std::move(pages)) {
  setObjectName(QStringLiteral("main_window"));
  resize(QSize(1280, 800).boundedTo(screen()->availableSize()));
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
  auto* middle = new QWidget(this);
  auto* column = new QVBoxLayout(middle);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  stack_ = new QStackedWidget(middle);
  column->addWidget(stack_);
  setCentralWidget(middle);
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
  recent_ = file->addMenu(tr("Open &recent"));
  recent_->setObjectName(QStringLiteral("recent"));
  connect(recent_, &QMenu::aboutToShow, this, &MainWindow::fill_recent);
  presets_ = file->addMenu(tr("Open &preset"));
  presets_->setObjectName(QStringLiteral("presets"));
  connect(presets_, &QMenu::aboutToShow, this, &MainWindow::fill_presets);
  plan_actions_ = {
      file->addAction(tr("&Save"), QKeySequence::Save, this, [this] { save(); }),
      file->addAction(tr("Save &as..."), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_S), this,
                      [this] { save_as(tr("Save plan")); }),
      file->addAction(tr("&Export heads..."), QKeySequence(Qt::CTRL | Qt::Key_E), this,
                      &MainWindow::export_plan)};
  file->addSeparator();
  file->addAction(tr("&Quit"), QKeySequence(Qt::CTRL | Qt::Key_Q), this, &QWidget::close);
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
    if (!file.isEmpty() && !why_read_only(file).isEmpty()) {
      name = tr("%1 (read-only)").arg(name);
    }
  }
  setWindowTitle(QStringLiteral("%1[*] - Twill Studio").arg(name));
  setWindowModified(session_.document.plan() != nullptr && session_.document.modified());
  for (QAction* action : plan_actions_) {
    action->setEnabled(session_.document.plan() != nullptr);
  }
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
    remember_file();
    return true;
  } catch (const Error& error) {
    QMessageBox::warning(this, tr("Open plan"), to_qt(error.what()));
    return false;
  }
}

void MainWindow::write_to(const QString& file) {
  session_.document.save_as(file);
  remember_file();
}

bool MainWindow::save() {
  const PlanDocument& document = session_.document;
  if (!document.plan()) {
    return false;
  }
  const QString file = document.file();
  const QString read_only = file.isEmpty() ? QString() : why_read_only(file);
  if (file.isEmpty() || !read_only.isEmpty()) {
    return save_as(read_only.isEmpty() ? tr("Save plan") : tr("%1 Save it as").arg(read_only));
  }
  if (document.changed_on_disk()) {
    QMessageBox box(QMessageBox::Warning, tr("Save plan"),
                    tr("%1 was changed by another program since it was opened here. Replace what "
                       "stands there now?")
                        .arg(file),
                    QMessageBox::Yes | QMessageBox::Save | QMessageBox::Cancel, this);
    box.button(QMessageBox::Yes)->setText(tr("&Replace"));
    box.button(QMessageBox::Save)->setText(tr("Save &as..."));
    box.setDefaultButton(QMessageBox::Cancel);
    const int answer = box.exec();
    if (answer != QMessageBox::Yes) {
      return answer == QMessageBox::Save && save_as(tr("Save plan"));
    }
  }
  try {
    write_to(file);
    return true;
  } catch (const Error& error) {
    QMessageBox::warning(this, tr("Save plan"), to_qt(error.what()));
    return false;
  }
}

// A name beside the open file, or among the user's documents where nothing can be written there.
QString MainWindow::place_beside(const QString& name) const {
  const QString file = session_.document.file();
  const QString folder =
      file.isEmpty() || !why_read_only(QFileInfo(file).dir().filePath(name)).isEmpty()
          ? QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation)
          : QFileInfo(file).absolutePath();
  return QDir(folder).filePath(name);
}

bool MainWindow::save_as(const QString& title) {
  const std::shared_ptr<const Plan> plan = session_.document.plan();
  if (!plan) {
    return false;
  }
  const QString file = session_.document.file();
  const QString name = file.isEmpty() ? QStringLiteral("plan.json") : QFileInfo(file).fileName();
  return ask_and_save(this,
                      {.title = title,
                       .suggested = place_beside(name),
                       .kinds = {{.name = tr("Plan"), .ending = QStringLiteral("json")}}},
                      [&](const QString& chosen) {
                        // A search that ended meanwhile has opened its own.
                        require(
                            session_.document.plan() == plan, ErrorCode::kUsage,
                            from_qt(tr("Another plan was opened meanwhile: nothing was saved.")));
                        write_to(chosen);
                      });
}

void MainWindow::export_plan() {
  const std::shared_ptr<const Plan> plan = session_.document.plan();
  if (!plan) {
    return;
  }
  const QString file = session_.document.file();
  const QString name =
      file.isEmpty() ? QStringLiteral("heads") : QFileInfo(file).completeBaseName();
  ask_and_save(
      this,
      {.title = tr("Export heads"),
       .suggested = place_beside(name + QStringLiteral(".png")),
       .kinds = {{.name = tr("Picture"), .ending = QStringLiteral("png")},
                 {.name = tr("Drawing"), .ending = QStringLiteral("svg")},
                 {.name = tr("Table"), .ending = QStringLiteral("csv")},
                 {.name = tr("Page with picture and table"), .ending = QStringLiteral("html")}},
       .inputs = {file}},
      [&](const QString& chosen) { export_heads(*plan, chosen, session_.theme); });
}

QStringList MainWindow::recent_files() const {
  return session_.settings.value(QStringLiteral("recent")).toStringList();
}

void MainWindow::remember_file() {
  QStringList files = recent_files();
  const QString file = QFileInfo(session_.document.file()).absoluteFilePath();
  files.removeAll(file);
  files.prepend(file);
  session_.settings.setValue(QStringLiteral("recent"), files.mid(0, kMostRecent));
}

void MainWindow::fill_recent() {
  recent_->clear();
  for (const QString& file : recent_files()) {
    recent_->addAction(file, this, [this, file] { open_plan(file); });
  }
  recent_->setEnabled(true);
  if (recent_->isEmpty()) {
    recent_->addAction(tr("None yet"))->setEnabled(false);
  }
}

void MainWindow::fill_presets() {
  presets_->clear();
  for (const QString& file : preset_plans()) {
    const QFileInfo info(file);
    presets_->addAction(
        QStringLiteral("%1 / %2").arg(info.dir().dirName(), info.completeBaseName()), this,
        [this, file] { open_plan(file); });
  }
  if (presets_->isEmpty()) {
    presets_->addAction(tr("None found"))->setEnabled(false);
  }
}

QFrame* MainWindow::show_bar(const QString& sentence, const std::vector<QPushButton*>& buttons) {
  auto* bar = new QFrame(centralWidget());
  bar->setFrameShape(QFrame::StyledPanel);
  auto* row = new QHBoxLayout(bar);
  auto* label = new QLabel(sentence, bar);
  label->setWordWrap(true);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  row->addWidget(label, 1);
  for (QPushButton* button : buttons) {
    row->addWidget(button);
    connect(button, &QPushButton::clicked, bar, [bar] {
      bar->hide();
      bar->deleteLater();
    });
  }
  static_cast<QVBoxLayout*>(centralWidget()->layout())->insertWidget(0, bar);
  return bar;
}

void MainWindow::offer_left_edits(Recovery& recovery) {
  connect(&recovery, &Recovery::failed, this, [this](const QString& sentence) {
    auto* close = new QPushButton(tr("&Close"));
    show_bar(tr("Unsaved edits are not kept in case of a crash: %1").arg(sentence), {close})
        ->setObjectName(QStringLiteral("edits_not_kept"));
  });
  offer_next(recovery);
}

void MainWindow::offer_next(Recovery& recovery) {
  const std::vector<LeftEdits> left = recovery.left();
  if (left.empty()) {
    return;
  }
  const LeftEdits edits = left.front();
  const QString name =
      edits.plan_file.isEmpty() ? tr("a new plan") : QFileInfo(edits.plan_file).fileName();
  const QString when = QLocale().toString(edits.when, QLocale::ShortFormat);
  auto* bring = new QPushButton(tr("Bring them back"));
  bring->setObjectName(QStringLiteral("bring_back"));
  auto* forget = new QPushButton(tr("Throw them away"));
  forget->setObjectName(QStringLiteral("throw_away"));
  QString sentence = tr("Unsaved edits of %1 were left behind (%2).").arg(name, when);
  if (!edits.obstacle.isEmpty()) {
    sentence =
        tr("Unsaved edits were left behind (%1), but cannot be read: %2").arg(when, edits.obstacle);
    bring->setEnabled(false);
  }
  connect(bring, &QPushButton::clicked, this, [this, edits, &recovery] {
    if (may_lose_edits()) {
      try {
        const QString lost = recovery.bring_back(edits);
        if (!lost.isEmpty()) {
          QMessageBox::warning(this, tr("Unsaved edits"), lost);
        }
      } catch (const Error& error) {
        QMessageBox::warning(this, tr("Unsaved edits"), to_qt(error.what()));
      }
    }
    offer_next(recovery);  // the same again, or those of another process
  });
  connect(forget, &QPushButton::clicked, this, [this, edits, &recovery] {
    recovery.forget(edits);
    offer_next(recovery);
  });
  show_bar(sentence, {bring, forget})->setObjectName(QStringLiteral("left_edits"));
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

bool MainWindow::may_close() {
  const bool edits = session_.document.plan() && session_.document.modified();
  QStringList lost;
  if (edits) {
    lost.append(tr("The plan has edits that were not saved."));
  }
  for (const auto& page : pages_) {
    lost.append(page->lost_by_closing());
  }
  if (lost.isEmpty()) {
    return true;
  }
  QMessageBox box(QMessageBox::Question, tr("Close Twill Studio"), lost.join(QLatin1Char('\n')),
                  QMessageBox::Discard | QMessageBox::Cancel, this);
  box.button(QMessageBox::Discard)->setText(edits ? tr("Close &without saving") : tr("&Close"));
  if (edits) {
    box.addButton(QMessageBox::Save)->setText(tr("&Save the plan and close"));
  }
  box.setDefaultButton(edits ? QMessageBox::Save : QMessageBox::Cancel);
  const int answer = box.exec();
  return answer == QMessageBox::Discard || (answer == QMessageBox::Save && save());
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (!may_close()) {
    event->ignore();
    return;
  }
  for (const auto& page : pages_) {
    page->stop();
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
