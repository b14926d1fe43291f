// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Every page as it is after the first start: no plan, no clips, no model, no server. Everything
// that can be triggered is, its dialogs are taken or cancelled, and nothing may crash, nor be
// enabled and do nothing.

#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QContextMenuEvent>
#include <QDir>
#include <QFile>
#include <QMenu>
#include <QMenuBar>
#include <QSettings>
#include <QSlider>
#include <QTabBar>
#include <QTemporaryDir>
#include <QTest>
#include <QWheelEvent>

#include "app/main_window.h"
#include "app/page_list.h"
#include "base/text.h"
#include "base/theme.h"
#include "gui/answers.h"
#include "gui/made_up_plan.h"
#include "plan/plan_document.h"
#include "plan/recovery.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {
namespace {

constexpr int kPatienceMs = 30000;

// As main() makes it.
struct Studio {
  Studio() : recovery(document, folder.filePath(QStringLiteral("recovery"))) {
    // Everything may be overwritten here, and most of it is nonsense.
    QFile nonsense(folder.filePath(QStringLiteral("answer.json")));
    nonsense.open(QIODevice::WriteOnly);
    nonsense.write("{");
    window.resize(1280, 800);
    window.show();
    window.offer_left_edits(recovery);
    settle();
  }
  // The threads that look for models have said what they found.
  static void settle() {
    QTest::qWait(30);
    QCoreApplication::sendPostedEvents();
  }
  QImage picture() { return window.grab().toImage(); }

  const QTemporaryDir folder;
  QSettings settings{folder.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat};
  Theme theme{*qApp};
  PlanDocument document;
  Recovery recovery;
  Session session{.theme = theme, .document = document, .settings = settings};
  std::vector<std::unique_ptr<Page>> pages = make_pages(session);
  const std::vector<QString> ids = [this] {
    std::vector<QString> found;
    for (const auto& page : pages) {
      found.push_back(page->id());
    }
    return found;
  }();
  MainWindow window{session, std::move(pages)};
};

// Takes what is offered: the first button that does not cancel, a file's name.
void accept(QDialog& dialog, const QString& file) {
  if (qobject_cast<QFileDialog*>(&dialog) != nullptr) {
    const bool folder = static_cast<QFileDialog&>(dialog).fileMode() == QFileDialog::Directory;
    tests::type_name(folder ? QFileInfo(file).absolutePath() : file)(dialog);
    if (dialog.isVisible()) {
      dialog.reject();  // it does not take that name
    }
    return;
  }
  if (auto* box = qobject_cast<QMessageBox*>(&dialog)) {
    for (QAbstractButton* button : box->buttons()) {
      if (button->isEnabled() && box->buttonRole(button) != QMessageBox::RejectRole) {
        button->click();
        return;
      }
    }
  }
  dialog.reject();
}

std::deque<tests::Answer> answers(bool accepts, const QString& file) {
  const auto asked = std::make_shared<int>(0);
  return {[accepts, file, asked](QDialog& dialog) {
    // A dialog that comes again after a refusal is given up.
    accepts && ++*asked <= 4 ? accept(dialog, file) : dialog.reject();
  }};
}

QString label_of(const QAbstractButton& button) {
  return button.objectName().isEmpty() ? button.text() : button.objectName();
}

// Of the page, in a fixed order.
QList<QAbstractButton*> buttons_of(Studio& studio) {
  QList<QAbstractButton*> found;
  for (auto* button : studio.window.centralWidget()->findChildren<QAbstractButton*>()) {
    // The corner of a table selects all of it, which shows nothing in an empty one.
    if (button->isVisible() && !button->inherits("QTableCornerButton") &&
        qobject_cast<QTabBar*>(button->parent()) == nullptr) {
      found.append(button);
    }
  }
  return found;
}

void collect(QMenu& menu, QList<QAction*>& found) {
  Q_EMIT menu.aboutToShow();
  for (QAction* action : menu.actions()) {
    action->menu() != nullptr ? collect(*action->menu(), found)
    : action->isSeparator()   ? void()
                              : found.append(action);
  }
}

QList<QAction*> menu_entries(Studio& studio) {
  QList<QAction*> found;
  for (QAction* action : studio.window.menuBar()->actions()) {
    collect(*action->menu(), found);
  }
  return found;
}

void press_all_keys(QWidget& widget) {
  const QList<int> keys{Qt::Key_Return, Qt::Key_Enter,     Qt::Key_Space,   Qt::Key_Escape,
                        Qt::Key_Delete, Qt::Key_Backspace, Qt::Key_Home,    Qt::Key_End,
                        Qt::Key_PageUp, Qt::Key_PageDown,  Qt::Key_Left,    Qt::Key_Right,
                        Qt::Key_Up,     Qt::Key_Down,      Qt::Key_Plus,    Qt::Key_Minus,
                        Qt::Key_0,      Qt::Key_K,         Qt::Key_A,       Qt::Key_F2,
                        Qt::Key_F5,     Qt::Key_Tab,       Qt::Key_Backtab, Qt::Key_Menu};
  const QPointer<QWidget> there(&widget);
  for (const int key : keys) {
    for (const auto modifiers : {Qt::KeyboardModifiers(), Qt::KeyboardModifiers(Qt::ShiftModifier),
                                 Qt::KeyboardModifiers(Qt::ControlModifier)}) {
      if (there && there->isVisible() && there->isEnabled()) {
        QTest::keyClick(there, static_cast<Qt::Key>(key), modifiers);
      }
    }
  }
}

void use_the_mouse(QWidget& widget) {
  const QPointer<QWidget> there(&widget);
  const QRect inside = widget.rect().adjusted(2, 2, -2, -2);
  for (const QPoint& point : {inside.center(), inside.topLeft(), inside.bottomRight()}) {
    const auto alive = [&] { return there && there->isVisible() && there->isEnabled(); };
    if (alive()) {
      QTest::mouseClick(there, Qt::LeftButton, {}, point);
    }
    if (alive()) {
      QTest::mouseDClick(there, Qt::LeftButton, Qt::ControlModifier, point);
    }
    if (alive()) {
      QTest::mousePress(there, Qt::LeftButton, Qt::ShiftModifier, point);
    }
    if (alive()) {
      QTest::mouseMove(there, inside.center());
      QTest::mouseRelease(there, Qt::LeftButton, {}, inside.center());
    }
    for (const int turn : {120, -120}) {
      if (alive()) {
        QWheelEvent wheel(point, there->mapToGlobal(point), {}, {0, turn}, Qt::NoButton,
                          Qt::NoModifier, Qt::NoScrollPhase, false);
        QApplication::sendEvent(there, &wheel);
      }
    }
  }
}

}  // namespace

class TestFirstState : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    QVERIFY(QDir(nowhere_.path()).mkpath(QStringLiteral("presets")));
    qputenv("TWILL_PRESETS", QFile::encodeName(nowhere_.filePath(QStringLiteral("presets"))));
    QApplication::setCursorFlashTime(0);  // pictures differ by what was triggered alone
  }

  void what_needs_something_is_disabled_without_it() {
    Studio studio;
    for (const char* name :
         {"generate", "cancel", "save", "remove", "play", "capture", "search_start", "search_stop",
          "run", "select_matching", "keep_current", "dense_segment", "split_segment",
          "join_segment", "quality", "fixed"}) {
      const auto found = studio.window.findChildren<QWidget*>(QString::fromLatin1(name));
      QVERIFY2(!found.isEmpty(), name);
      for (const QWidget* widget : found) {
        QVERIFY2(!widget->isEnabled(), name);
      }
    }
    QStringList enabled;
    for (const QAction* action : menu_entries(studio)) {
      if (action->isEnabled()) {
        enabled.append(action->text().remove(QLatin1Char('&')));
      }
    }
    QCOMPARE(enabled.mid(0, 2),
             (QStringList{QStringLiteral("Open plan..."), QStringLiteral("Quit")}));
    QCOMPARE(enabled.size(), 2 + static_cast<int>(studio.ids.size()));
  }

  void every_enabled_button_does_something_data() { pages_and_answers(); }
  void every_enabled_button_does_something() {
    QFETCH(QString, page);
    QFETCH(bool, accepts);
    int count = 1;
    int enabled = 0;
    for (int at = 0; at < count; ++at) {
      Studio studio;
      QVERIFY(studio.window.show_page(page));
      const QList<QAbstractButton*> buttons = buttons_of(studio);
      count = static_cast<int>(buttons.size());
      if (at >= count || !buttons[at]->isEnabled()) {
        continue;
      }
      ++enabled;
      const QString label = label_of(*buttons[at]);
      const QImage before = studio.picture();
      const tests::Answers given(
          answers(accepts, studio.folder.filePath(QStringLiteral("answer.json"))));
      buttons[at]->click();
      studio.settle();
      QVERIFY2(!given.seen().isEmpty() || studio.picture() != before,
               qPrintable(label + QStringLiteral(" is enabled and does nothing")));
    }
    qInfo("%d buttons, %d of them enabled", count, enabled);
  }

  void every_enabled_menu_entry_does_something_data() { only_answers(); }
  void every_enabled_menu_entry_does_something() {
    QFETCH(bool, accepts);
    int count = 1;
    for (int at = 0; at < count; ++at) {
      Studio studio;
      studio.window.show_page(studio.ids.back());
      const QList<QAction*> entries = menu_entries(studio);
      count = static_cast<int>(entries.size());
      // The last page is the one that is shown.
      if (!entries[at]->isEnabled() || entries[at]->isChecked()) {
        continue;
      }
      const QString label = entries[at]->text();
      const QImage before = studio.picture();
      const tests::Answers given(
          answers(accepts, studio.folder.filePath(QStringLiteral("answer.json"))));
      entries[at]->trigger();
      studio.settle();
      QVERIFY2(!given.seen().isEmpty() || !studio.window.isVisible() || studio.picture() != before,
               qPrintable(label + QStringLiteral(" is enabled and does nothing")));
    }
  }

  void every_choice_is_taken_data() { pages_and_answers(); }
  void every_choice_is_taken() {
    QFETCH(QString, page);
    QFETCH(bool, accepts);
    Studio studio;
    QVERIFY(studio.window.show_page(page));
    const tests::Answers given(
        answers(accepts, studio.folder.filePath(QStringLiteral("answer.json"))));
    for (auto* box : studio.window.centralWidget()->findChildren<QComboBox*>()) {
      for (int index = 0; box->isVisible() && box->isEnabled() && index < box->count(); ++index) {
        box->setCurrentIndex(index);
        Q_EMIT box->activated(index);
      }
    }
    for (auto* slider : studio.window.centralWidget()->findChildren<QSlider*>()) {
      if (slider->isVisible() && slider->isEnabled()) {
        slider->setValue(slider->maximum());
        slider->setValue(slider->minimum());
      }
    }
    studio.settle();
  }

  void every_key_and_the_mouse_are_survived_data() { pages_and_answers(); }
  void every_key_and_the_mouse_are_survived() {
    QFETCH(QString, page);
    QFETCH(bool, accepts);
    Studio studio;
    QVERIFY(studio.window.show_page(page));
    QVERIFY(QTest::qWaitForWindowActive(&studio.window, kPatienceMs));
    const tests::Answers given(
        answers(accepts, studio.folder.filePath(QStringLiteral("answer.json"))));
    QList<QPointer<QWidget>> widgets;
    for (QWidget* widget : studio.window.centralWidget()->findChildren<QWidget*>()) {
      widgets.append(widget);
    }
    for (const QPointer<QWidget>& widget : widgets) {
      if (widget && widget->isVisible() && widget->isEnabled() &&
          widget->focusPolicy() != Qt::NoFocus) {
        press_all_keys(*widget);
      }
      if (widget && widget->isVisible() && widget->isEnabled() &&
          qobject_cast<QComboBox*>(widget) == nullptr) {  // its list waits for a choice
        use_the_mouse(*widget);
      }
      if (QWidget* popup = QApplication::activePopupWidget()) {
        popup->close();
      }
      studio.window.show_page(page);
    }
    studio.settle();
  }

  void every_shortcut_is_survived_data() { only_answers(); }
  void every_shortcut_is_survived() {
    QFETCH(bool, accepts);
    Studio studio;
    const tests::Answers given(
        answers(accepts, studio.folder.filePath(QStringLiteral("answer.json"))));
    int pressed = 0;
    for (const QAction* action : menu_entries(studio)) {
      const QKeySequence keys = action->shortcut();
      if (keys.isEmpty()) {
        continue;
      }
      ++pressed;
      studio.window.show();
      studio.window.activateWindow();
      QVERIFY(QTest::qWaitForWindowActive(&studio.window, kPatienceMs));
      QTest::keyClick(&studio.window, keys[0].key(), keys[0].keyboardModifiers());
      studio.settle();
    }
    QVERIFY(pressed > 7);
  }

 private:
  static void only_answers() {
    QTest::addColumn<bool>("accepts");
    QTest::newRow("dialogs accepted") << true;
    QTest::newRow("dialogs cancelled") << false;
  }
  static void pages_and_answers() {
    QTest::addColumn<QString>("page");
    QTest::addColumn<bool>("accepts");
    const Studio studio;
    for (const QString& id : studio.ids) {
      QTest::newRow(qPrintable(id + QStringLiteral(", dialogs accepted"))) << id << true;
      QTest::newRow(qPrintable(id + QStringLiteral(", dialogs cancelled"))) << id << false;
    }
  }

  const QTemporaryDir nowhere_;
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestFirstState)
#include "test_first_state.moc"
