// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QSettings>
#include <QTemporaryDir>
#include <QTest>

#include "app/main_window.h"
#include "app/page_list.h"
#include "base/theme.h"
#include "plan/plan_document.h"

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
