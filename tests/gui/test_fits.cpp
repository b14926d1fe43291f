// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Every page on small screens: nothing is cut, squeezed or out of reach.

#include <QScrollArea>

#include "app/translations.h"
#include "gui/studio_window.h"

namespace twill::gui {

using tests::StudioWindow;

namespace {

// What a desktop's own bar and the window's title take of the screen's height.
constexpr int kDesktop = 60;

struct Screen {
  const char* name;
  QSize size;  // logical pixels
};
constexpr std::array<Screen, 4> kScreens{{{"1280x720", {1280, 720}},
                                          {"1366x768", {1366, 768}},
                                          {"1920x1080_at_150", {1280, 720}},
                                          {"1920x1080_at_200", {960, 540}}}};

QString text_of(const QSize& size) {
  return QStringLiteral("%1x%2").arg(size.width()).arg(size.height());
}

// The part of the widget that no ancestor cuts off, in its own coordinates.
QRect seen_part(const QWidget* widget) {
  QRect seen = widget->rect();
  for (const QWidget* over = widget->parentWidget(); over != nullptr; over = over->parentWidget()) {
    const QPoint at = widget->mapTo(over, QPoint(0, 0));
    seen &= over->rect().translated(-at);
  }
  return seen;
}

void scroll_to(QWidget* widget) {
  for (QWidget* over = widget->parentWidget(); over != nullptr; over = over->parentWidget()) {
    if (auto* area = qobject_cast<QScrollArea*>(over)) {
      area->ensureWidgetVisible(widget, 0, 0);
    }
  }
}

// Empty when the widget can be seen whole, by scrolling up and down where need be, and has the room
// that it needs.
QString fault_of(QWidget* widget) {
  scroll_to(widget);
  const QRect seen = seen_part(widget);
  if (seen != widget->rect()) {
    return QStringLiteral("only %1x%2 at %3,%4 of it is seen")
        .arg(seen.width())
        .arg(seen.height())
        .arg(seen.x())
        .arg(seen.y());
  }
  // A bar of few tabs asks for less than the least of one that scrolls.
  const QSize least = qobject_cast<QTabBar*>(widget) != nullptr
                          ? widget->minimumSizeHint().boundedTo(widget->sizeHint())
                          : widget->minimumSizeHint();
  if (widget->width() < least.width() || widget->height() < least.height()) {
    return QStringLiteral("is smaller than its least size ") + text_of(least);
  }
  if (widget->height() < widget->heightForWidth(widget->width())) {
    return QStringLiteral("needs a height of %1").arg(widget->heightForWidth(widget->width()));
  }
  if (const auto* label = qobject_cast<QLabel*>(widget);
      label != nullptr && !label->wordWrap() && label->width() < label->sizeHint().width()) {
    return QStringLiteral("cuts its text, which needs %1").arg(label->sizeHint().width());
  }
  if (const auto* button = qobject_cast<QAbstractButton*>(widget);
      button != nullptr && button->width() < button->sizeHint().width()) {
    return QStringLiteral("cuts its text, which needs %1").arg(button->sizeHint().width());
  }
  return {};
}

}  // namespace

class TestFits : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // With the demo model and its pair of clips: the player and the forms are full.
  void initTestCase() { qputenv("TWILL_PRESETS", TWILL_PRESETS); }

  void nothing_is_cut_on_a_small_screen_data() {
    QTest::addColumn<QSize>("size");
    QTest::addColumn<QString>("language");
    for (const Screen& screen : kScreens) {
      for (const auto& [code, name] : kLanguages) {
        QTest::addRow("%s_%s", screen.name, code.data())
            << screen.size - QSize(0, kDesktop) << QString::fromUtf8(code.data());
      }
    }
  }
  void nothing_is_cut_on_a_small_screen() {
    QFETCH(QSize, size);
    QFETCH(QString, language);
    Translations translations(*qApp);
    translations.use(language);
    StudioWindow window;
    window.main().resize(size);
    window.main().show();
    QVERIFY(QTest::qWaitForWindowExposed(&window.main()));
    QStringList faults;
    check_pages(window, size, QStringLiteral("without a plan"), faults);
    QVERIFY(window.take(tests::full_plan()));
    window.main().show_page(QStringLiteral("generate"));
    auto* mode =
        window.page(QStringLiteral("generate"))->findChild<QComboBox*>(QStringLiteral("view_mode"));
    QTRY_VERIFY_WITH_TIMEOUT(mode->isVisible(), 60000);  // the pair has been read
    for (const ThemeKind kind : {ThemeKind::kLight, ThemeKind::kDark}) {
      window.theme().set_kind(kind);
      check_pages(window, size, QStringLiteral("with a plan"), faults);
    }
    faults.removeDuplicates();
    QVERIFY2(faults.isEmpty(), qPrintable(faults.join(QLatin1Char('\n'))));
  }

 private:
  static void check_pages(StudioWindow& window, const QSize& size, const QString& state,
                          QStringList& faults) {
    for (const QString& id : window.pages()) {
      window.main().show_page(id);
      QTest::qWait(30);
      const QString shots = qEnvironmentVariable("TWILL_SHOTS");
      if (!shots.isEmpty()) {
        window.main().grab().save(QStringLiteral("%1/%2-%3-%4.png")
                                      .arg(shots, QString::fromLatin1(QTest::currentDataTag()), id,
                                           state.section(QLatin1Char(' '), 0, 0)));
      }
      if (window.main().size() != size) {
        faults.append(QStringLiteral("%1 (%2): the window is %3 and not %4")
                          .arg(id, state, text_of(window.main().size()), text_of(size)));
      }
      int checked = 0;
      for (QWidget* widget : window.main().findChildren<QWidget*>()) {
        const bool counts = tests::is_control(widget) || tests::is_shown_thing(widget);
        if (!widget->isVisible() || !counts || tests::is_part(widget)) {
          continue;
        }
        ++checked;
        if (const QString fault = fault_of(widget); !fault.isEmpty()) {
          faults.append(
              QStringLiteral("%1 (%2): %3: %4").arg(id, state, tests::name_of(widget), fault));
        }
      }
      if (checked < 8) {  // the page bar alone has seven
        faults.append(QStringLiteral("%1: only %2 widgets were found").arg(id).arg(checked));
      }
    }
  }
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestFits)
#include "test_fits.moc"
