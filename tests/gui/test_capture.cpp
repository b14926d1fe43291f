// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Attention maps at full detail: from the button of the inspector to the maps it shows.
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QDir>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTest>
#include <limits>

#include "base/seed_edit.h"
#include "base/theme.h"
#include "gui/studio_model.h"
#include "heads/attention_view.h"
#include "heads/capture_dialog.h"
#include "heads/heads_map.h"
#include "heads/heads_page.h"
#include "heads/video_grid_view.h"
#include "plan/plan_document.h"

namespace twill::gui {
namespace {

constexpr int kPatienceMs = 60000;
constexpr int kTokens = 576;  // of the tiny model's clip

}  // namespace

class TestCapture : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() {
    settings_ = std::make_unique<QSettings>(model_.path("studio.ini"), QSettings::IniFormat);
    settings_->clear();
    document_ = std::make_unique<PlanDocument>();
    document_->open(model_.path("plan.json"));
    page_ = std::make_unique<HeadsPage>(
        Session{.theme = theme_, .document = *document_, .settings = *settings_});
    widget_.reset(page_->widget());
    widget_->resize(1200, 800);
    widget_->show();
  }
  void cleanup() {
    widget_.reset();
    page_.reset();
  }

  void the_selected_heads_are_captured() {
    // A plan without a profile: there is no map to look at.
    QVERIFY(!page_->inspector().attention().map().cells);
    select(0, 0);
    select(1, 1);
    CaptureDialog& dialog = *open_dialog();
    auto* memory = dialog.findChild<QLabel*>(QStringLiteral("capture_memory"));
    // 2 heads x 576 x 576 bytes.
    QVERIFY2(memory->text().contains(QStringLiteral("663.6 kB")), qPrintable(memory->text()));
    QCOMPARE(dialog.findChild<QLineEdit*>(QStringLiteral("capture_prompt"))->text(),
             QStringLiteral("a red ball"));
    click(dialog, "capture_start");
    QTRY_VERIFY_WITH_TIMEOUT(page_->inspector().attention().map().cells, kPatienceMs);
    const HeadMap shown = page_->inspector().attention().map();
    QCOMPARE(shown.size, kTokens);
    QCOMPARE(shown.block(), 1);
    for (int row = 0; row < kTokens; ++row) {
      const std::uint8_t* cells = shown.cells.get() + row * kTokens;
      QCOMPARE(*std::max_element(cells, cells + kTokens), std::uint8_t{255});
    }
    // The other captured head has a map of its own, and the rest have none.
    move_to(0, 0);
    QVERIFY(page_->inspector().attention().map().cells);
    QVERIFY(page_->inspector().attention().map().cells != shown.cells);
    move_to(0, 1);
    QVERIFY(!page_->inspector().attention().map().cells);
    // A later capture takes nothing of an earlier one away.
    click(*open_dialog(), "capture_start");
    QTRY_VERIFY_WITH_TIMEOUT(page_->inspector().attention().map().cells, kPatienceMs);
    move_to(1, 1);
    QCOMPARE(page_->inspector().attention().map().cells, shown.cells);
    // Another plan of the model keeps them, a plan of another model does not.
    document_->open(model_.path("plan.json"));
    move_to(1, 1);
    QVERIFY(page_->inspector().attention().map().cells);
    document_->open(model_.path("other.json"));
    move_to(1, 1);
    QVERIFY(!page_->inspector().attention().map().cells);
  }

  void a_seed_has_64_bits() {
    select(0, 0);
    CaptureDialog& dialog = *open_dialog();
    auto* seed = dialog.findChild<SeedEdit*>(QStringLiteral("capture_seed"));
    seed->clear();
    QTest::keyClicks(seed, QStringLiteral("18446744073709551615"));
    QCOMPARE(seed->seed(), std::numeric_limits<std::uint64_t>::max());
    QVERIFY(seed->hasAcceptableInput());
    // One more, a sign and a letter are not taken.
    seed->clear();
    QTest::keyClicks(seed, QStringLiteral("18446744073709551616-x"));
    QCOMPARE(seed->text(), QStringLiteral("1844674407370955161"));
    dialog.reject();
  }

  void cancel_stops_it_and_keeps_nothing() {
    select(0, 0);
    QPointer<CaptureDialog> dialog = open_dialog();
    click(*dialog, "capture_start");
    QTest::keyClick(dialog, Qt::Key_Escape);
    QTRY_VERIFY_WITH_TIMEOUT(!dialog, kPatienceMs);
    QVERIFY(!page_->inspector().attention().map().cells);
  }

  void what_cannot_be_captured_is_told() {
    select(0, 0);
    CaptureDialog& dialog = *open_dialog();
    auto* message = dialog.findChild<QLabel*>(QStringLiteral("capture_message"));
    auto* prompt = dialog.findChild<QLineEdit*>(QStringLiteral("capture_prompt"));
    prompt->setText(QStringLiteral("a green ball"));
    click(dialog, "capture_start");
    QVERIFY2(message->text().contains(QStringLiteral("green")), qPrintable(message->text()));
    prompt->clear();
    click(dialog, "capture_start");
    QCOMPARE(message->text(), QStringLiteral("Write a prompt."));
    dialog.reject();
    // No model has this plan's layers.
    document_->open(model_.path("other.json"));
    select(0, 0);
    auto* button = widget_->findChild<QPushButton*>(QStringLiteral("capture"));
    QTest::mouseClick(button, Qt::LeftButton);
    auto* other = widget_->findChildren<CaptureDialog*>().last();
    QTRY_VERIFY_WITH_TIMEOUT(other->findChild<QLabel*>(QStringLiteral("capture_message"))
                                 ->text()
                                 .contains(QStringLiteral("No model that runs here")),
                             kPatienceMs);
    QVERIFY(!other->findChild<QPushButton*>(QStringLiteral("capture_start"))->isEnabled());
  }

 private:
  void select(int row, int column) {
    page_->map().selection().setCurrentIndex(page_->model().index(row, column),
                                             QItemSelectionModel::Select);
  }
  void move_to(int row, int column) {
    page_->map().selection().setCurrentIndex(page_->model().index(row, column),
                                             QItemSelectionModel::ClearAndSelect);
  }
  void click(QWidget& parent, const char* name) {
    QTest::mouseClick(parent.findChild<QPushButton*>(QString::fromLatin1(name)), Qt::LeftButton);
  }
  // With the tiny model chosen.
  CaptureDialog* open_dialog() {
    click(*widget_, "capture");
    auto* dialog = widget_->findChildren<CaptureDialog*>().last();
    auto* start = dialog->findChild<QPushButton*>(QStringLiteral("capture_start"));
    if (!QTest::qWaitFor([start] { return start->isEnabled(); }, kPatienceMs)) {
      qFatal("no model was found");
    }
    return dialog;
  }

  const tests::StudioModel model_;
  Theme theme_{*qApp};
  std::unique_ptr<QSettings> settings_;
  std::unique_ptr<PlanDocument> document_;
  std::unique_ptr<HeadsPage> page_;
  std::unique_ptr<QWidget> widget_;
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestCapture)
#include "test_capture.moc"
