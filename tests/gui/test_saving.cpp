// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What saving and closing ask, and what they leave alone.

#include <QApplication>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QSettings>
#include <QTemporaryDir>
#include <QTest>

#include "app/main_window.h"
#include "base/save_file.h"
#include "base/text.h"
#include "base/theme.h"
#include "gui/answers.h"
#include "gui/made_up_plan.h"
#include "plan/plan_document.h"
#include "plan/plan_edits.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {
namespace {

using tests::Answers;
using tests::press;
using tests::reject;
using tests::type_name;

const HeadRef kEdited{.expert = 0, .head = 4};

QByteArray bytes_of(const QString& name) {
  QFile file(name);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

void make_file(const QString& name, const char* bytes = "somebody's") {
  QFile file(name);
  QVERIFY(file.open(QIODevice::WriteOnly));
  file.write(bytes);
}

// A page that has something to lose.
class BusyPage : public Page {
 public:
  QString id() const override { return QStringLiteral("busy"); }
  QString title() const override { return QStringLiteral("Busy"); }
  QString icon_name() const override { return QStringLiteral("generate"); }
  QKeySequence shortcut() const override { return {Qt::CTRL | Qt::Key_1}; }
  QWidget* widget() override { return widget_; }
  QStringList lost_by_closing() const override { return lost; }
  void stop() override { ++stopped; }

  QStringList lost;
  int stopped = 0;

 private:
  QWidget* widget_ = new QWidget;
};

struct Window {
  explicit Window(const QTemporaryDir& folder)
      : settings(folder.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat) {
    std::vector<std::unique_ptr<Page>> pages;
    pages.push_back(std::make_unique<BusyPage>());
    page = static_cast<BusyPage*>(pages.back().get());
    main = std::make_unique<MainWindow>(session, std::move(pages));
    main->show();
    active();
  }
  void active() {
    main->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(main.get()));
  }
  void edit() {
    document.edit(QStringLiteral("edit"), with_pattern(*document.plan(), {1}, {kEdited}, skip()));
  }
  void key(Qt::Key key, Qt::KeyboardModifiers modifiers = Qt::ControlModifier) {
    active();
    QTest::keyClick(main.get(), key, modifiers);
  }
  bool edit_stands_in(const QString& file) {
    return pattern_of(read_plan(path_from_qt(file)), 1, kEdited).kind == PatternKind::kSkip;
  }

  QSettings settings;
  Theme theme{*qApp};
  PlanDocument document;
  Session session{.theme = theme, .document = document, .settings = settings};
  BusyPage* page = nullptr;
  std::unique_ptr<MainWindow> main;
};

}  // namespace

class TestSaving : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() {
    folder_ = std::make_unique<QTemporaryDir>();
    QVERIFY(QDir(folder_->path()).mkpath(QStringLiteral("presets/wan")));
    QVERIFY(QDir(folder_->path()).mkpath(QStringLiteral("mine")));
    qputenv("TWILL_PRESETS", QFile::encodeName(at("presets")));
    preset_ = at("presets/wan/balanced.json");
    plan_ = at("mine/plan.json");
    for (const QString& file : {preset_, plan_}) {
      write_plan(path_from_qt(file), twill::tests::make_plan(twill::tests::make_profile({}), 2));
    }
  }

  void names_get_the_ending_they_lack_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("becomes");
    const auto row = [](const char* why, const char* name, const char* becomes) {
      QTest::newRow(why) << QString::fromLatin1(name) << QString::fromLatin1(becomes);
    };
    row("none", "/a/clip", "/a/clip.mp4");
    row("own", "/a/clip.mp4", "/a/clip.mp4");
    row("another known one", "/a/clip.webm", "/a/clip.webm");
    row("capitals", "/a/clip.MP4", "/a/clip.MP4");
    row("a dot in the name", "/a/clip.v2", "/a/clip.v2.mp4");
    row("unknown to the writer", "/a/clip.avi", "/a/clip.avi.mp4");
    row("a dot at the end", "/a/clip.", "/a/clip.mp4");
    row("nothing before the dot", "/a/.mp4", "/a/.mp4.mp4");
    row("a dot in the folder", "/a.b/clip", "/a.b/clip.mp4");
  }
  void names_get_the_ending_they_lack() {
    QFETCH(QString, name);
    QFETCH(QString, becomes);
    const QStringList endings{QStringLiteral("mp4"), QStringLiteral("webm")};
    QCOMPARE(with_ending(name, endings, QStringLiteral("mp4")), becomes);
  }

  void a_suggested_name_is_free_with_all_its_files() {
    const auto pair = [](const QString& file) {
      return QStringList{
          file, QString(file).replace(QStringLiteral(".mp4"), QStringLiteral("-dense.mp4"))};
    };
    QCOMPARE(free_name(at("mine/clip.mp4"), pair), at("mine/clip.mp4"));
    make_file(at("mine/clip-dense.mp4"));
    QCOMPARE(free_name(at("mine/clip.mp4"), pair), at("mine/clip-2.mp4"));
    make_file(at("mine/clip-2.mp4"));
    QCOMPARE(free_name(at("mine/clip.mp4"), pair), at("mine/clip-3.mp4"));
  }

  void what_came_with_twill_is_saved_elsewhere_data() {
    QTest::addColumn<QString>("opened");
    QTest::newRow("by its path") << QStringLiteral("presets/wan/balanced.json");
    QTest::newRow("by a link to the file") << QStringLiteral("mine/link.json");
    QTest::newRow("by a link to its folder") << QStringLiteral("mine/folder/balanced.json");
    QTest::newRow("by a way around") << QStringLiteral("mine/../presets/wan/./balanced.json");
  }
  void what_came_with_twill_is_saved_elsewhere() {
    QFETCH(QString, opened);
    QVERIFY(QFile::link(preset_, at("mine/link.json")));
    QVERIFY(QFile::link(at("presets/wan"), at("mine/folder")));
    const QByteArray before = bytes_of(preset_);
    Window window(*folder_);
    QVERIFY(window.main->open_plan(at(opened)));
    QVERIFY(window.main->windowTitle().contains(QStringLiteral("(read-only)")));
    window.edit();
    Answers answers({type_name(preset_), press(QMessageBox::Ok), type_name(at("mine/own"))});
    window.key(Qt::Key_S);
    QVERIFY2(answers.seen().value(0).endsWith(
                 QStringLiteral("came with Twill and stays as it is. Save it as")),
             qPrintable(answers.seen().join(QLatin1Char('\n'))));
    QCOMPARE(answers.seen().value(1), preset_ + QStringLiteral(" came with Twill and stays as it "
                                                               "is."));
    QCOMPARE(bytes_of(preset_), before);
    QVERIFY(QFileInfo(at("mine/link.json")).isSymLink());
    QVERIFY(window.edit_stands_in(at("mine/own.json")));
    QCOMPARE(window.document.file(), at("mine/own.json"));
    QVERIFY(!window.document.modified());
    QVERIFY(!window.main->windowTitle().contains(QStringLiteral("(read-only)")));
  }

  void a_document_does_not_write_what_came_with_twill() {
    PlanDocument document;
    document.open(plan_);
    try {
      document.save_as(preset_);
      QFAIL("it was written");
    } catch (const Error& error) {
      QCOMPARE(error.code(), ErrorCode::kUsage);
      QCOMPARE(to_qt(error.what()), preset_ + QStringLiteral(" came with Twill and stays as it "
                                                             "is."));
    }
    QCOMPARE(document.file(), plan_);
  }

  void what_is_protected_is_saved_elsewhere_data() {
    QTest::addColumn<QString>("protect");
    QTest::addColumn<QString>("said");
    QTest::newRow("file") << QStringLiteral("mine/plan.json")
                          << QStringLiteral("plan.json is read-only. Save it as");
    QTest::newRow("folder") << QStringLiteral("mine")
                            << QStringLiteral("plan.json is in a read-only folder. Save it as");
  }
  void what_is_protected_is_saved_elsewhere() {
    QFETCH(QString, protect);
    QFETCH(QString, said);
    Window window(*folder_);
    QVERIFY(window.main->open_plan(plan_));
    window.edit();
    const QByteArray before = bytes_of(plan_);
    const QFile::Permissions all = QFile::permissions(at(protect));
    QVERIFY(QFile::setPermissions(at(protect), QFile::ReadOwner | QFile::ExeOwner));
    Answers answers({type_name(at("other.json"))});
    window.key(Qt::Key_S);
    QVERIFY(QFile::setPermissions(at(protect), all));
    QVERIFY2(answers.seen().value(0).endsWith(said), qPrintable(answers.seen().value(0)));
    QCOMPARE(bytes_of(plan_), before);
    QVERIFY(window.edit_stands_in(at("other.json")));
  }

  void the_final_name_is_asked_about_and_stays_after_a_no() {
    write_plan(path_from_qt(at("mine/taken.json")),
               twill::tests::make_plan(twill::tests::make_profile({}), 5));
    const QByteArray before = bytes_of(at("mine/taken.json"));
    Window window(*folder_);
    QVERIFY(window.main->open_plan(plan_));
    window.edit();
    {
      Answers answers({type_name(QStringLiteral("taken")), press(QMessageBox::Cancel), reject});
      window.key(Qt::Key_S, Qt::ControlModifier | Qt::ShiftModifier);
      QCOMPARE(answers.seen().value(1),
               at("mine/taken.json") + QStringLiteral(" is there already. Replace it?"));
      QCOMPARE(answers.names(),
               (QStringList{QStringLiteral("plan.json"), QStringLiteral("taken.json")}));
      QCOMPARE(bytes_of(at("mine/taken.json")), before);
      QVERIFY(window.document.modified());
    }
    const Answers answers({type_name(QStringLiteral("taken")), press(QMessageBox::Yes)});
    window.key(Qt::Key_S, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY(window.edit_stands_in(at("mine/taken.json")));
    QVERIFY(!window.edit_stands_in(plan_));
  }

  void a_name_that_cannot_be_written_stays_in_the_dialog() {
    Window window(*folder_);
    QVERIFY(window.main->open_plan(plan_));
    make_file(at("mine/blocked"));
    Answers answers({type_name(at("mine/blocked/in")), press(QMessageBox::Ok), reject});
    window.key(Qt::Key_S, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY2(answers.seen().value(1).startsWith(at("mine/blocked/in.json: cannot be written: ")),
             qPrintable(answers.seen().join(QLatin1Char('\n'))));
    QCOMPARE(answers.names().value(1), QStringLiteral("in.json"));
    QCOMPARE(window.document.file(), plan_);
  }

  void an_export_has_an_ending_and_spares_what_is_there() {
    make_file(at("mine/heads.png"));
    Window window(*folder_);
    QVERIFY(window.main->open_plan(plan_));
    {
      const Answers answers(
          {type_name(QStringLiteral("heads")), press(QMessageBox::Cancel), reject});
      window.key(Qt::Key_E);
      QCOMPARE(answers.seen().value(1),
               at("mine/heads.png") + QStringLiteral(" is there already. Replace it?"));
      QCOMPARE(bytes_of(at("mine/heads.png")), QByteArray("somebody's"));
    }
    const Answers answers({type_name(QStringLiteral("table.csv"))});
    window.key(Qt::Key_E);
    QVERIFY(bytes_of(at("mine/table.csv")).startsWith("t_begin,"));
  }

  void an_export_is_not_written_over_the_open_plan() {
    const QString file = at("mine/odd.csv");
    QVERIFY(QFile::copy(plan_, file));
    const QByteArray before = bytes_of(file);
    Window window(*folder_);
    QVERIFY(window.main->open_plan(file));
    const Answers answers({type_name(file), press(QMessageBox::Ok), reject});
    window.key(Qt::Key_E);
    QCOMPARE(answers.seen().value(1), file + QStringLiteral(" is the file that this is made of."));
    QCOMPARE(bytes_of(file), before);
  }

  void a_file_that_changed_since_is_asked_about() {
    Window window(*folder_);
    QVERIFY(window.main->open_plan(plan_));
    window.edit();
    const Plan other = twill::tests::make_plan(twill::tests::make_profile({}), 5);
    write_plan(path_from_qt(plan_), other);
    {
      Answers answers({press(QMessageBox::Cancel)});
      window.key(Qt::Key_S);
      QCOMPARE(answers.seen(),
               QStringList{plan_ + QStringLiteral(" was changed by another program since it was "
                                                  "opened here. Replace what stands there now?")});
      QCOMPARE(read_plan(path_from_qt(plan_)).segments.size(), std::size_t{5});
    }
    {
      const Answers answers({press(QMessageBox::Save), type_name(QStringLiteral("beside"))});
      window.key(Qt::Key_S);
      QVERIFY(window.edit_stands_in(at("mine/beside.json")));
      QCOMPARE(read_plan(path_from_qt(plan_)).segments.size(), std::size_t{5});
    }
    // One's own saves are no changes of others.
    const Answers answers({press(QMessageBox::Cancel)});
    window.document.undo_stack().undo();
    window.key(Qt::Key_S);
    window.document.undo_stack().redo();
    window.key(Qt::Key_S);
    QVERIFY(answers.seen().isEmpty());
  }

  void closing_asks_once_about_everything_and_cancel_cancels_everything() {
    Window window(*folder_);
    QVERIFY(window.main->open_plan(plan_));
    window.edit();
    window.page->lost = QStringList{QStringLiteral("A clip is being made; closing stops it.")};
    const QString all = QStringLiteral(
        "The plan has edits that were not saved.\nA clip is being made; closing stops it.");
    {
      const Answers answers({press(QMessageBox::Cancel)});
      QVERIFY(!window.main->close());
      QCOMPARE(answers.seen(), QStringList{all});
      QCOMPARE(window.page->stopped, 0);
      QVERIFY(window.document.modified());
    }
    {
      // The plan is saved first; who cancels that keeps everything.
      QVERIFY(QFile::setPermissions(plan_, QFile::ReadOwner));
      const Answers answers({press(QMessageBox::Save), reject});
      QVERIFY(!window.main->close());
      QCOMPARE(window.page->stopped, 0);
      QVERIFY(window.main->isVisible());
      QVERIFY(QFile::setPermissions(plan_, QFile::ReadOwner | QFile::WriteOwner));
    }
    const Answers answers({press(QMessageBox::Save)});
    QVERIFY(window.main->close());
    QCOMPARE(answers.seen(), QStringList{all});
    QCOMPARE(window.page->stopped, 1);
    QVERIFY(window.edit_stands_in(plan_));
  }

  void closing_without_edits_asks_what_the_pages_lose_and_else_nothing() {
    Window window(*folder_);
    QVERIFY(window.main->open_plan(plan_));
    window.page->lost = QStringList{QStringLiteral("2 clips")};
    {
      Answers answers({[](QDialog& dialog) {
        QVERIFY(qobject_cast<QMessageBox*>(&dialog)->button(QMessageBox::Save) == nullptr);
        dialog.reject();
      }});
      QVERIFY(!window.main->close());
      QCOMPARE(answers.seen(), QStringList{QStringLiteral("2 clips")});
    }
    window.page->lost.clear();
    const Answers answers({reject});
    QVERIFY(window.main->close());
    QVERIFY(answers.seen().isEmpty());
  }

 private:
  QString at(const char* name) const { return folder_->filePath(QString::fromLatin1(name)); }
  QString at(const QString& name) const { return folder_->filePath(name); }

  std::unique_ptr<QTemporaryDir> folder_;
  QString preset_, plan_;
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestSaving)
#include "test_saving.moc"
