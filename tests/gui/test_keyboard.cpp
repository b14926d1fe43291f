// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Every control of every page is reached with the Tab key, forwards and backwards.

#include <QSet>

#include "gui/studio_window.h"

namespace twill::gui {

using tests::StudioWindow;

class TestKeyboard : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    window_ = std::make_unique<StudioWindow>();
    window_->main().resize(1280, 800);
    window_->main().show();
    QVERIFY(QTest::qWaitForWindowActive(&window_->main()));
    QVERIFY(window_->take(tests::full_plan()));
  }
  void cleanupTestCase() { window_.reset(); }

  void tab_reaches_every_control_data() {
    QTest::addColumn<QString>("page");
    QTest::addColumn<Qt::KeyboardModifier>("modifier");
    for (const QString& id : window_->pages()) {
      QTest::addRow("%s_forwards", qPrintable(id)) << id << Qt::NoModifier;
      QTest::addRow("%s_backwards", qPrintable(id)) << id << Qt::ShiftModifier;
    }
  }
  void tab_reaches_every_control() {
    QFETCH(QString, page);
    QFETCH(Qt::KeyboardModifier, modifier);
    window_->main().show_page(page);
    QTest::qWait(30);
    QSet<QWidget*> missing;
    for (QWidget* widget : window_->page(page)->findChildren<QWidget*>()) {
      if (widget->isVisible() && widget->isEnabled() && tests::is_control(widget)) {
        missing.insert(widget);
      }
    }
    if (tests::is_control(window_->page(page))) {
      missing.insert(window_->page(page));
    }
    QVERIFY(!missing.isEmpty());
    const int most = 4 * static_cast<int>(window_->main().findChildren<QWidget*>().size());
    for (int presses = 0; presses < most && !missing.isEmpty(); ++presses) {
      QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab, modifier);
      QVERIFY(QApplication::focusWidget() != nullptr);
      missing.remove(QApplication::focusWidget());
    }
    QStringList names;
    for (const QWidget* widget : missing) {
      names.append(tests::name_of(widget));
    }
    QVERIFY2(missing.isEmpty(), qPrintable(names.join(QLatin1Char('\n'))));
  }

 private:
  std::unique_ptr<StudioWindow> window_;
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestKeyboard)
#include "test_keyboard.moc"
