// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDir>
#include <QFile>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QPushButton>
#include <QSettings>
#include <QTableWidget>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>

#include "app/main_window.h"
#include "app/page_list.h"
#include "app/settings_page.h"
#include "app/translations.h"
#include "base/text.h"
#include "base/theme.h"
#include "gui/full_disk.h"
#include "gui/made_up_plan.h"
#include "heads/compare_page.h"
#include "plan/plan_document.h"
#include "plan/plan_edits.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {

class TestMainWindow : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void every_page_has_a_name_an_icon_and_a_key() {
    Window window(folder_.filePath(QStringLiteral("a.ini")));
    QStringList ids;
    for (const auto& page : make_pages(window.session)) {
      QVERIFY(!page->title().isEmpty());
      QVERIFY2(!page->shortcut().isEmpty(), qPrintable(page->id()));
      QVERIFY2(!ids.contains(page->id()), qPrintable(page->id()));
      QVERIFY(!window.theme().icon(page->icon_name()).isNull());
      ids.append(page->id());
      delete page->widget();
    }
  }

  void a_page_is_shown_by_its_key_and_comes_back() {
    const QString file = folder_.filePath(QStringLiteral("b.ini"));
    {
      Window window(file);
      window.main.show();
      QVERIFY(QTest::qWaitForWindowActive(&window.main));
      QTest::keyClick(&window.main, Qt::Key_Comma, Qt::ControlModifier);
      QCOMPARE(window.main.page_shown(), QStringLiteral("settings"));
      QVERIFY(window.main.close());
    }
    Window again(file);
    QCOMPARE(again.main.page_shown(), QStringLiteral("settings"));
  }

  void colours_change_at_once_and_are_kept() {
    Window window(folder_.filePath(QStringLiteral("c.ini")));
    window.main.show_page(QStringLiteral("settings"));
    auto* theme = window.main.findChild<QComboBox*>(QStringLiteral("theme"));
    QVERIFY(theme != nullptr);
    theme->setCurrentIndex(2);
    QVERIFY(window.theme().dark());
    QVERIFY(qApp->palette().color(QPalette::Window).lightness() < 128);
    QCOMPARE(window.settings.value(QStringLiteral("theme")).toString(), QStringLiteral("dark"));
    theme->setCurrentIndex(1);
    QVERIFY(!window.theme().dark());
  }

  void what_differs_between_two_plans_is_framed_and_listed() {
    Window window(folder_.filePath(QStringLiteral("d.ini")));
    std::vector<std::unique_ptr<Page>> pages = make_pages(window.session);
    auto* compare = qobject_cast<ComparePage*>(pages[1].get());
    QVERIFY(compare != nullptr);
    const std::unique_ptr<QWidget> widget(compare->widget());
    widget->show();
    window.document.take(std::make_shared<const Plan>(tests::make_plan(tests::make_profile({}), 2)),
                         {}, false);
    compare->keep_current();
    auto* table = widget->findChild<QTableWidget*>(QStringLiteral("differences"));
    QCOMPARE(table->rowCount(), 0);
    window.document.edit(QStringLiteral("edit"),
                         with_pattern(*window.document.plan(), {1}, {{0, 4}}, skip()));
    QCOMPARE(table->rowCount(), 1);
    QVERIFY(table->item(0, 2)->text().contains(QStringLiteral("skip")));
    table->setCurrentCell(0, 1);
    int framed = 0;
    for (int row = 0; row < compare->left().rowCount(); ++row) {
      for (int column = 0; column < compare->left().columnCount(); ++column) {
        framed += compare->left().differs_at(row, column) ? 1 : 0;
      }
    }
    QCOMPARE(framed, 1);
    QVERIFY(compare->left().differs_at(1, 1));
    // A file for another model is refused, and the plan that was there stays.
    const QString file = folder_.filePath(QStringLiteral("other.json"));
    tests::MadeUp larger;
    larger.stacks[0].layers = 9;
    write_plan(path_from_qt(file), tests::make_plan(tests::make_profile(larger), 2));
    QVERIFY(!compare->open_other(file));
    QVERIFY(!widget->findChild<QLabel*>(QStringLiteral("compare_note"))->text().isEmpty());
    QVERIFY(compare->other().plan() != nullptr);
    delete pages[0]->widget();
    for (std::size_t i = 2; i < pages.size(); ++i) {
      delete pages[i]->widget();
    }
  }

  void opened_files_are_recent_and_a_damaged_one_is_told() {
    Window window(folder_.filePath(QStringLiteral("e.ini")));
    const QString file = folder_.filePath(QStringLiteral("good.json"));
    write_plan(path_from_qt(file), tests::make_plan(tests::make_profile({}), 2));
    QVERIFY(window.main.open_plan(file));
    QCOMPARE(window.main.recent_files(), QStringList{file});
    QVERIFY(window.main.windowTitle().contains(QStringLiteral("good.json")));
    const QString damaged = folder_.filePath(QStringLiteral("damaged.json"));
    {
      QFile out(damaged);
      QVERIFY(out.open(QIODevice::WriteOnly));
      out.write("{");
    }
    QString told;
    QTimer::singleShot(0, this, [&] {
      auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
      QVERIFY(box != nullptr);
      told = box->text();
      box->accept();
    });
    QVERIFY(!window.main.open_plan(damaged));
    QVERIFY2(told.contains(QStringLiteral("damaged.json")), qPrintable(told));
    QCOMPARE(window.document.file(), file);
  }

  void a_full_disk_is_told_and_the_saved_plan_stays() {
    const QTemporaryDir folder;
    Window window(folder_.filePath(QStringLiteral("h.ini")));
    const QString file = folder.filePath(QStringLiteral("mine.json"));
    write_plan(path_from_qt(file), tests::make_plan(tests::make_profile({}), 2));
    QVERIFY(window.main.open_plan(file));
    window.document.edit(QStringLiteral("edit"),
                         with_pattern(*window.document.plan(), {1}, {{0, 4}}, skip()));
    window.main.show();
    QVERIFY(QTest::qWaitForWindowActive(&window.main));
    QString told;
    {
      const tests::FullDisk full(100);
      QTimer::singleShot(0, this, [&] {
        auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
        QVERIFY(box != nullptr);
        told = box->text();
        box->accept();
      });
      QTest::keyClick(&window.main, Qt::Key_S, Qt::ControlModifier);
    }
    QVERIFY2(told.startsWith(file + QStringLiteral(": cannot be written: ")), qPrintable(told));
    QCOMPARE(QDir(folder.path()).entryList(QDir::Files | QDir::Hidden),
             QStringList{QStringLiteral("mine.json")});
    const auto saved = [&] {
      return pattern_of(read_plan(path_from_qt(file)), 1, {0, 4}).kind == PatternKind::kSkip;
    };
    QVERIFY(!saved());
    QVERIFY(window.document.modified());
    window.main.activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(&window.main));
    QTest::keyClick(&window.main, Qt::Key_S, Qt::ControlModifier);
    QVERIFY(saved());
    QVERIFY(!window.document.modified());
  }

  void the_plans_that_came_along_are_presets() {
    qputenv("TWILL_PRESETS", TWILL_PRESETS);
    Window window(folder_.filePath(QStringLiteral("p.ini")));
    auto* presets = window.main.findChild<QMenu*>(QStringLiteral("presets"));
    QVERIFY(presets != nullptr);
    Q_EMIT presets->aboutToShow();
    QStringList names;
    for (const QAction* action : presets->actions()) {
      names.append(action->text());
      if (action->text() == QStringLiteral("demo / plan")) {
        const_cast<QAction*>(action)->trigger();
      }
    }
    QVERIFY2(names.contains(QStringLiteral("demo / plan")),
             qPrintable(names.join(QLatin1Char('\n'))));
    QVERIFY(!names.contains(QStringLiteral("demo / metrics")));
    QCOMPARE(window.document.plan()->model.heads_total(), 48);
    QVERIFY(window.document.plan()->profile != nullptr);
  }

  void without_a_plan_there_is_nothing_to_save_or_export() {
    Window window(folder_.filePath(QStringLiteral("n.ini")));
    const auto enabled = [&] {
      QStringList texts;
      for (const QAction* action : window.main.findChildren<QAction*>()) {
        const bool of_plan = QStringList{QStringLiteral("&Save"), QStringLiteral("Save &as..."),
                                         QStringLiteral("&Export heads...")}
                                 .contains(action->text());
        if (of_plan && action->isEnabled()) {
          texts.append(action->text());
        }
      }
      return texts.size();
    };
    auto* keep = window.main.findChild<QPushButton*>(QStringLiteral("keep_current"));
    QCOMPARE(enabled(), 0);
    QVERIFY(!keep->isEnabled());
    window.document.take(std::make_shared<const Plan>(tests::make_plan(tests::make_profile({}), 2)),
                         {}, false);
    QCOMPARE(enabled(), 3);
    QVERIFY(keep->isEnabled());
  }

  void closing_with_edits_asks() {
    Window window(folder_.filePath(QStringLiteral("f.ini")));
    window.document.take(std::make_shared<const Plan>(tests::make_plan(tests::make_profile({}), 2)),
                         {}, true);
    window.main.show();
    QTimer::singleShot(0, this, [] {
      auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
      QVERIFY(box != nullptr);
      QTest::keyClick(box, Qt::Key_Escape);
    });
    QVERIFY(!window.main.close());
    QTimer::singleShot(0, this, [] {
      auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
      QVERIFY(box != nullptr);
      QTest::mouseClick(box->button(QMessageBox::Discard), Qt::LeftButton);
    });
    QVERIFY(window.main.close());
  }

  void the_keys_page_lists_every_page() {
    Window window(folder_.filePath(QStringLiteral("g.ini")));
    auto* table = window.main.findChild<QTableWidget*>(QStringLiteral("shortcuts_table"));
    QVERIFY(table != nullptr);
    QStringList listed;
    for (int row = 0; row < table->rowCount(); ++row) {
      QVERIFY(!table->item(row, 1)->text().isEmpty());
      listed.append(table->item(row, 2)->text());
    }
    for (QAction* action : window.main.findChildren<QAction*>()) {
      if (action->objectName().startsWith(QStringLiteral("page_"))) {
        QVERIFY2(listed.contains(action->text()), qPrintable(action->text()));
      }
    }
  }

  void chinese_is_spoken_when_asked_for() {
    Translations translations(*qApp);
    translations.use(QStringLiteral("zh"));
    QCOMPARE(SettingsPage::tr("Language"), QStringLiteral("语言"));
    translations.use(QStringLiteral("xx"));
    QCOMPARE(SettingsPage::tr("Language"), QStringLiteral("Language"));
    QCOMPARE(translations.code(), QStringLiteral("en"));
  }

 private:
  struct Window {
    explicit Window(const QString& settings_file)
        : settings(settings_file, QSettings::IniFormat), main(session, make_pages(session)) {}
    Theme& theme() { return theme_; }

    QSettings settings;
    Theme theme_{*qApp};
    PlanDocument document;
    Session session{.theme = theme_, .document = document, .settings = settings};
    MainWindow main;
  };

  QTemporaryDir folder_;
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestMainWindow)
#include "test_main_window.moc"
