// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QApplication>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTest>

#include "base/model_list.h"
#include "base/text.h"
#include "base/theme.h"
#include "gui/page_stage.h"
#include "gui/studio_model.h"
#include "plan/plan_document.h"
#include "player/picture_view.h"
#include "search/search_page.h"

namespace twill::gui {

namespace {

constexpr int kPatienceMs = 100000;

}  // namespace

class TestSearchPage : public QObject {
  Q_OBJECT

  struct Stage : tests::PageStage<SearchPage> {
    Stage(const tests::StudioModel& model, const char* out) : PageStage(model.path("studio.ini")) {
      settings.clear();
      show(900, 700);
      child<QLineEdit>("search_out")->setText(model.path(out));
      child<QSpinBox>("points")->setValue(2);
    }
    QPushButton* start() { return child<QPushButton>("search_start"); }
    QString message() { return child<QLabel>("search_message")->text(); }
    bool ready() {
      return QTest::qWaitFor([this] { return start()->isEnabled(); }, kPatienceMs);
    }
    bool ended() {
      return QTest::qWaitFor([this] { return page->last_end().has_value(); }, kPatienceMs);
    }
  };

 private Q_SLOTS:
  void a_search_shows_its_heads_and_opens_its_plan() {
    Stage stage(model_, "found.json");
    QVERIFY(stage.ready());
    QCOMPARE(stage.child<QPlainTextEdit>("search_prompts")->toPlainText(),
             QStringLiteral("a red ball\na blue ball rolls"));
    QTest::mouseClick(stage.start(), Qt::LeftButton);
    QVERIFY(!stage.start()->isEnabled());
    QVERIFY(stage.ended());
    QCOMPARE(*stage.page->last_end(), jobs::OutcomeKind::kFinished);
    QVERIFY(stage.message().contains(QStringLiteral("density 0.")));
    QCOMPARE(stage.document.file(), model_.path("found.json"));
    QVERIFY(stage.document.plan()->profile != nullptr);
    QVERIFY(!stage.child<PictureView>("picture_view")->picture().isNull());
  }

  void a_wish_for_quality_is_met_by_trying_plans() {
    Stage stage(model_, "wished.json");
    QVERIFY(stage.ready());
    auto* kind = stage.child<QComboBox>("budget_kind");
    kind->setCurrentIndex(kind->findData(QStringLiteral("min_psnr")));
    auto* wish = stage.child<QDoubleSpinBox>("budget");
    QCOMPARE(wish->value(), 30.0);
    wish->setValue(20.0);
    QTest::mouseClick(stage.start(), Qt::LeftButton);
    QVERIFY(stage.ended());
    QVERIFY2(*stage.page->last_end() == jobs::OutcomeKind::kFinished, qPrintable(stage.message()));
    QVERIFY2(stage.message().contains(QStringLiteral("tried density")),
             qPrintable(stage.message()));
    // The clips that were made for it say what the slider's plans are worth.
    QVERIFY(!stage.document.measured().empty());
    // The wish comes back with the settings.
    stage.page->save_state(stage.settings);
    kind->setCurrentIndex(0);
    stage.page->restore_state(stage.settings);
    QCOMPARE(kind->currentData().toString(), QStringLiteral("min_psnr"));
    QCOMPARE(wish->value(), 20.0);
  }

  void a_stopped_search_goes_on_and_finds_the_same() {
    Stage stage(model_, "stopped.json");
    QVERIFY(stage.ready());
    QTest::mouseClick(stage.start(), Qt::LeftButton);
    auto* heads = stage.child<PictureView>("picture_view");
    QTRY_VERIFY_WITH_TIMEOUT(!heads->picture().isNull(), kPatienceMs);
    QTest::mouseClick(stage.child<QPushButton>("search_stop"), Qt::LeftButton);
    QVERIFY(stage.ended());
    QCOMPARE(*stage.page->last_end(), jobs::OutcomeKind::kCancelled);
    QVERIFY(!QFileInfo::exists(model_.path("stopped.json")));
    QCOMPARE(stage.start()->text(), QStringLiteral("&Go on"));
    QTest::mouseClick(stage.start(), Qt::LeftButton);
    QVERIFY(stage.ended());
    QCOMPARE(*stage.page->last_end(), jobs::OutcomeKind::kFinished);
    QFile stopped(model_.path("stopped.json"));
    QFile whole(model_.path("found.json"));
    QVERIFY(stopped.open(QIODevice::ReadOnly) && whole.open(QIODevice::ReadOnly));
    QCOMPARE(stopped.readAll(), whole.readAll());
  }

  void what_was_typed_stays_when_the_page_is_shown_again() {
    Stage stage(model_, "again.json");
    QVERIFY(stage.ready());
    QCOMPARE(stage.child<QSpinBox>("search_steps")->value(), 4);  // the model's own
    stage.child<QSpinBox>("search_steps")->setValue(3);
    stage.child<QPlainTextEdit>("search_prompts")->setPlainText(QStringLiteral("a blue ball"));
    QSignalSpy found(&stage.page->models(), &ModelList::changed);
    stage.widget->hide();
    stage.widget->show();
    QTRY_VERIFY_WITH_TIMEOUT(found.count() > 0, kPatienceMs);
    QCOMPARE(stage.child<QSpinBox>("search_steps")->value(), 3);
    QCOMPARE(stage.child<QPlainTextEdit>("search_prompts")->toPlainText(),
             QStringLiteral("a blue ball"));
    // And the next time that the app is started, before and after its models are found.
    stage.page->save_state(stage.settings);
    stage.settings.sync();
    QSettings kept(model_.path("studio.ini"), QSettings::IniFormat);
    SearchPage next(stage.session);
    const std::unique_ptr<QWidget> widget(next.widget());
    next.restore_state(kept);
    auto* steps = widget->findChild<QSpinBox*>(QStringLiteral("search_steps"));
    QCOMPARE(steps->value(), 3);
    auto* start = widget->findChild<QPushButton*>(QStringLiteral("search_start"));
    QTRY_VERIFY_WITH_TIMEOUT(start->isEnabled(), kPatienceMs);
    QCOMPARE(steps->value(), 3);
    QCOMPARE(widget->findChild<QComboBox*>(QStringLiteral("search_model"))->currentData(),
             stage.child<QComboBox>("search_model")->currentData());
  }

  void a_stopped_search_goes_on_under_another_name() {
    Stage stage(model_, "named.json");
    QVERIFY(stage.ready());
    QTest::mouseClick(stage.start(), Qt::LeftButton);
    auto* heads = stage.child<PictureView>("picture_view");
    QTRY_VERIFY_WITH_TIMEOUT(!heads->picture().isNull(), kPatienceMs);
    QTest::mouseClick(stage.child<QPushButton>("search_stop"), Qt::LeftButton);
    QVERIFY(stage.ended());
    const QString work = path_to_qt(stage.page->work_folder());
    QCOMPARE(work, model_.path("named.work"));
    stage.child<QLineEdit>("search_out")->setText(model_.path("renamed.json"));
    QCOMPARE(stage.start()->text(), QStringLiteral("&Go on"));
    // Another measurement is no going on.
    auto* steps = stage.child<QSpinBox>("search_steps");
    steps->setValue(3);
    QCOMPARE(stage.start()->text(), QStringLiteral("&Search"));
    steps->setValue(4);
    QCOMPARE(stage.start()->text(), QStringLiteral("&Go on"));
    // A restart of the app in between changes nothing.
    stage.page->save_state(stage.settings);
    stage.page->restore_state(stage.settings);
    QCOMPARE(stage.start()->text(), QStringLiteral("&Go on"));
    QTest::mouseClick(stage.start(), Qt::LeftButton);
    QVERIFY(stage.ended());
    QVERIFY2(*stage.page->last_end() == jobs::OutcomeKind::kFinished, qPrintable(stage.message()));
    QVERIFY(QFileInfo::exists(model_.path("renamed.json")));
    QCOMPARE(path_to_qt(stage.page->work_folder()), work);
    QVERIFY(!QFileInfo::exists(model_.path("renamed.work")));
    QFile renamed(model_.path("renamed.json"));
    QFile whole(model_.path("found.json"));
    QVERIFY(renamed.open(QIODevice::ReadOnly) && whole.open(QIODevice::ReadOnly));
    QCOMPARE(renamed.readAll(), whole.readAll());
  }

  void why_no_search_can_begin_is_written_there() {
    Stage stage(model_, "said.json");
    QVERIFY(stage.ready());
    auto* problem = stage.child<QLabel>("search_problem");
    QVERIFY(!problem->isVisible());
    stage.child<QPlainTextEdit>("search_prompts")->clear();
    QVERIFY(problem->isVisible());
    QCOMPARE(problem->text(), QStringLiteral("Write a prompt."));
    QVERIFY(!stage.start()->isEnabled());
  }

  void a_folder_that_cannot_be_written_is_a_failure_with_its_reason() {
    Stage stage(model_, "plan.json/inside.json");
    QVERIFY(stage.ready());
    QTest::mouseClick(stage.start(), Qt::LeftButton);
    QVERIFY(stage.ended());
    QCOMPARE(*stage.page->last_end(), jobs::OutcomeKind::kFailed);
    QVERIFY2(stage.message().contains(QStringLiteral("inside.json")), qPrintable(stage.message()));
  }

  void unsaved_edits_of_the_open_plan_stay() {
    Stage stage(model_, "beside.json");
    stage.document.open(model_.path("plan.json"));
    Plan edited = *stage.document.plan();
    edited.name = "edited";
    stage.document.edit(QStringLiteral("rename"), edited);
    QVERIFY(stage.ready());
    QTest::mouseClick(stage.start(), Qt::LeftButton);
    QVERIFY(stage.ended());
    QCOMPARE(*stage.page->last_end(), jobs::OutcomeKind::kFinished);
    QCOMPARE(QString::fromStdString(stage.document.plan()->name), QStringLiteral("edited"));
    QVERIFY(QFileInfo::exists(model_.path("beside.json")));
  }

 private:
  tests::StudioModel model_;
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestSearchPage)
#include "test_search_page.moc"
