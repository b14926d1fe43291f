// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QAbstractItemModelTester>
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QDir>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTest>

#include "base/model_list.h"
#include "base/text.h"
#include "base/theme.h"
#include "generate/clip_queue.h"
#include "generate/generate_page.h"
#include "gui/answers.h"
#include "gui/full_disk.h"
#include "gui/made_up_plan.h"
#include "gui/page_stage.h"
#include "gui/studio_model.h"
#include "plan/plan_document.h"
#include "player/player.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {

namespace {

constexpr int kPatienceMs = 60000;

}  // namespace

class TestGeneratePage : public QObject {
  Q_OBJECT

  // The page by itself, with the tiny model chosen.
  struct Stage : tests::PageStage<GeneratePage> {
    explicit Stage(const tests::StudioModel& model, bool with_plan = true)
        : PageStage(model.path("studio.ini")) {
      settings.clear();
      if (with_plan) {
        document.open(model.path("plan.json"));
      }
      show(1200, 700);
      QObject::connect(&page->queue(), &ClipQueue::ended, page.get(),
                       [this](int row) { ends.append(row); });
    }
    bool ready() {
      return QTest::qWaitFor([this] { return generate()->isEnabled(); }, kPatienceMs);
    }
    QPushButton* generate() { return child<QPushButton>("generate"); }
    QString message() { return child<QLabel>("message")->text(); }
    bool wait_for_ends(int count) {
      return QTest::qWaitFor([this, count] { return ends.size() >= count; }, kPatienceMs);
    }

    QList<int> ends;
  };

 private Q_SLOTS:
  void one_click_makes_a_pair() {
    Stage stage(model_);
    QVERIFY(stage.ready());
    QCOMPARE(stage.generate()->text(), QStringLiteral("&Generate dense and sparse"));
    QCOMPARE(stage.child<QPlainTextEdit>("prompt")->toPlainText(), QStringLiteral("a red ball"));
    QSignalSpy previews(&stage.page->queue(), &ClipQueue::previewed);
    stage.click("generate");
    QVERIFY(stage.wait_for_ends(1));
    QCOMPARE(stage.page->queue().state(0), RequestState::kFinished);
    const auto clip = stage.page->queue().clip(0);
    QVERIFY(clip->frames && clip->dense_frames && clip->quality);
    QCOMPARE(previews.count(), 2 * 4);  // steps of both clips
    // The slider's page shows what was measured.
    QCOMPARE(stage.document.measured().size(), std::size_t{1});
    QCOMPARE(stage.document.measured()[0].psnr_db, clip->quality->psnr_db);
    QCOMPARE(stage.document.measured()[0].plan, stage.document.plan());
    QVERIFY(stage.child<QComboBox>("view_mode")->isVisible());
    QVERIFY(stage.child<QLabel>("player_summary")->text().contains(QStringLiteral("PSNR")));
    QVERIFY(stage.child<Player>("player")->playing());
  }

  void a_kept_prompt_comes_back_before_any_model_was_found() {
    QSettings kept(model_.path("kept.ini"), QSettings::IniFormat);
    kept.setValue(QStringLiteral("prompt"), QStringLiteral("a blue ball"));
    Stage stage(model_);
    stage.page->restore_state(kept);
    QVERIFY(!stage.generate()->isEnabled());
    QCOMPARE(stage.child<QLabel>("cost")->text(), QStringLiteral("Looking for models..."));
    QVERIFY(stage.ready());
    QCOMPARE(stage.child<QPlainTextEdit>("prompt")->toPlainText(), QStringLiteral("a blue ball"));
  }

  void a_finished_pair_is_played_at_once() {
    qputenv("TWILL_PRESETS", TWILL_PRESETS);
    Stage stage(model_);
    auto* player = stage.child<Player>("player");
    QTRY_VERIFY_WITH_TIMEOUT(player->playing(), kPatienceMs);
    QVERIFY(stage.child<QComboBox>("view_mode")->isVisible());
    QVERIFY(stage.child<QLabel>("player_summary")->text().contains(QStringLiteral("a red ball")));
    model_.use();
  }

  void without_a_plan_the_clip_is_dense() {
    Stage stage(model_, false);
    QVERIFY(stage.ready());
    QCOMPARE(stage.generate()->text(), QStringLiteral("&Generate"));
    stage.click("generate");
    QVERIFY(stage.wait_for_ends(1));
    QVERIFY(stage.page->queue().clip(0)->record.plan.empty());
    QVERIFY(!stage.page->queue().clip(0)->dense_frames);
  }

  void time_and_memory_are_said_before() {
    Stage stage(model_);
    QVERIFY(stage.ready());
    auto* cost = stage.child<QLabel>("cost");
    QTRY_VERIFY_WITH_TIMEOUT(cost->text().startsWith(QStringLiteral("576 tokens, density 0.")),
                             kPatienceMs);
    QVERIFY(cost->text().contains(QStringLiteral("GB of memory")));
    stage.child<QSpinBox>("frames")->setValue(17);
    QTRY_VERIFY_WITH_TIMEOUT(cost->text().startsWith(QStringLiteral("320 tokens")), kPatienceMs);
  }

  void mistakes_are_told_before_anything_is_made() {
    Stage stage(model_);
    QVERIFY(stage.ready());
    auto* cost = stage.child<QLabel>("cost");
    stage.child<QPlainTextEdit>("prompt")->setPlainText(QStringLiteral("a red zeppelin"));
    QVERIFY(!stage.generate()->isEnabled());
    QVERIFY(cost->text().contains(QStringLiteral("zeppelin")));
    stage.child<QPlainTextEdit>("prompt")->setPlainText(QStringLiteral("a red ball"));
    QVERIFY(stage.generate()->isEnabled());
    stage.child<QSpinBox>("width")->setValue(130);
    QVERIFY(!stage.generate()->isEnabled());
    QCOMPARE(cost->text(), QStringLiteral("width 130 is not a multiple of 16 in 16..4096"));
  }

  void clips_wait_their_turn_and_each_ends_once() {
    Stage stage(model_);
    QVERIFY(stage.ready());
    QAbstractItemModelTester tester(&stage.page->queue(),
                                    QAbstractItemModelTester::FailureReportingMode::QtTest);
    stage.child<QSpinBox>("frames")->setValue(9);
    for (int i = 0; i < 3; ++i) {
      stage.child<QLineEdit>("seed")->setText(QString::number(i));
      stage.click("generate");
    }
    ClipQueue& queue = stage.page->queue();
    QCOMPARE(queue.state(0), RequestState::kRunning);
    QCOMPARE(queue.state(1), RequestState::kQueued);
    auto* list = stage.child<QListView>("queue");
    list->setCurrentIndex(queue.index(1));
    stage.click("cancel");
    QCOMPARE(queue.state(1), RequestState::kCancelled);
    QCOMPARE(queue.state(0), RequestState::kRunning);
    QVERIFY(stage.wait_for_ends(3));
    QTest::qWait(50);
    QCOMPARE(stage.ends, (QList<int>{1, 0, 2}));
    QCOMPARE(queue.state(0), RequestState::kFinished);
    QCOMPARE(queue.state(2), RequestState::kFinished);
    QCOMPARE(queue.clip(2)->seed, std::uint64_t{2});
    list->setCurrentIndex(queue.index(1));
    stage.click("remove");
    QCOMPARE(queue.rowCount(), 2);
  }

  void cancel_of_the_running_clip_is_no_failure() {
    Stage stage(model_);
    QVERIFY(stage.ready());
    QSignalSpy previews(&stage.page->queue(), &ClipQueue::previewed);
    stage.click("generate");
    QTRY_VERIFY_WITH_TIMEOUT(previews.count() > 0, kPatienceMs);
    stage.click("cancel");
    QVERIFY(stage.wait_for_ends(1));
    QCOMPARE(stage.page->queue().state(0), RequestState::kCancelled);
    QVERIFY(!stage.page->queue().clip(0));
    QCOMPARE(stage.message(), QString());
  }

  void failures_say_what_is_wrong_data() {
    QTest::addColumn<QString>("plan");
    QTest::addColumn<QString>("part");
    QTest::newRow("damaged plan") << "damaged.json"
                                  << "damaged.json";
    QTest::newRow("plan for another model") << "other.json"
                                            << "other.json: ";
    QTest::newRow("missing plan") << "nowhere.json"
                                  << "nowhere.json";
  }
  void failures_say_what_is_wrong() {
    QFETCH(QString, plan);
    QFETCH(QString, part);
    Stage stage(model_);
    QVERIFY(stage.ready());
    ClipRequest request;
    request.options.clip = {.model = model_.demo(), .frames = 9};
    request.options.prompts = {"a red ball"};
    request.options.plan = model_.folder / plan.toStdString();
    stage.page->queue().add(request);
    QVERIFY(stage.wait_for_ends(1));
    QCOMPARE(stage.page->queue().state(0), RequestState::kFailed);
    QVERIFY2(stage.message().contains(part), qPrintable(stage.message()));
  }

  void missing_weights_are_named() {
    const tests::StudioModel broken;
    std::filesystem::remove(broken.demo() / "vae.safetensors");
    Stage stage(broken);
    auto* cost = stage.child<QLabel>("cost");
    QTRY_VERIFY_WITH_TIMEOUT(cost->text().contains(QStringLiteral("vae.safetensors")), kPatienceMs);
    QVERIFY(!stage.generate()->isEnabled());
    model_.use();
  }

  void a_plan_with_a_profile_can_be_adapted() {
    Stage stage(model_);
    QVERIFY(stage.ready());
    auto* adapt = stage.child<QCheckBox>("adapt");
    QVERIFY(!adapt->isEnabled());  // the plan has no profile
    const ModelShape model = stage.document.plan()->model;
    auto profile = std::make_shared<Profile>(*twill::tests::make_profile({.stacks = model.stacks}));
    profile->model = model;
    const QString file = model_.path("with_profile.json");
    write_plan(path_from_qt(file), twill::tests::make_plan(profile, 2));
    stage.document.open(file);
    QTRY_VERIFY_WITH_TIMEOUT(adapt->isEnabled(), kPatienceMs);
    QVERIFY(!adapt->isChecked());
    auto* cost = stage.child<QLabel>("cost");
    QTRY_VERIFY_WITH_TIMEOUT(cost->text().contains(QStringLiteral("sparse ")), kPatienceMs);
    QVERIFY2(!cost->text().contains(QStringLiteral("of adapting")), qPrintable(cost->text()));
    adapt->setChecked(true);
    QTRY_VERIFY_WITH_TIMEOUT(cost->text().contains(QStringLiteral(" of adapting, ")), kPatienceMs);
    QVERIFY(stage.ready());
    stage.click("generate");
    QVERIFY(stage.wait_for_ends(1));
    QVERIFY2(stage.page->queue().clip(0), qPrintable(stage.message()));
    QVERIFY(stage.page->queue().clip(0)->record.adapted);
    const QString saved = model_.path("adapted.mp4");
    stage.page->save_clip(0, saved);
    QTRY_VERIFY_WITH_TIMEOUT(stage.message().startsWith(QStringLiteral("Saved")), kPatienceMs);
    adapt->setChecked(false);
    stage.page->open_video(saved);
    QTRY_VERIFY_WITH_TIMEOUT(stage.message().startsWith(QStringLiteral("Settings taken")),
                             kPatienceMs);
    QVERIFY(adapt->isChecked());
  }

  void a_saved_video_gives_its_settings_back() {
    Stage stage(model_);
    QVERIFY(stage.ready());
    stage.child<QSpinBox>("frames")->setValue(9);
    stage.child<QSpinBox>("steps")->setValue(3);
    stage.child<QLineEdit>("seed")->setText(QStringLiteral("18446744073709551615"));
    stage.click("generate");
    QVERIFY(stage.wait_for_ends(1));
    for (const char* ending : {"webm", "mp4"}) {
      const QString file = model_.path("saved.") + QLatin1String(ending);
      stage.page->save_clip(0, file);
      QTRY_VERIFY_WITH_TIMEOUT(stage.message().startsWith(QStringLiteral("Saved")), kPatienceMs);
      QVERIFY(QFileInfo::exists(file));
      QVERIFY(QFileInfo::exists(model_.path("saved-dense.") + QLatin1String(ending)));
      stage.child<QSpinBox>("frames")->setValue(33);
      stage.child<QSpinBox>("steps")->setValue(9);
      stage.child<QLineEdit>("seed")->setText(QStringLiteral("1"));
      stage.page->open_video(file);
      QTRY_VERIFY_WITH_TIMEOUT(stage.message().startsWith(QStringLiteral("Settings taken")),
                               kPatienceMs);
      QCOMPARE(stage.child<QSpinBox>("frames")->value(), 9);
      QCOMPARE(stage.child<QSpinBox>("steps")->value(), 3);
      QCOMPARE(stage.child<QLineEdit>("seed")->text(), QStringLiteral("18446744073709551615"));
      QVERIFY(stage.child<QComboBox>("plan_choice")
                  ->currentData()
                  .toString()
                  .endsWith(QStringLiteral("plan.json")));
    }
    stage.page->open_video(model_.path("plan.json"));
    QTRY_VERIFY_WITH_TIMEOUT(stage.message().contains(QStringLiteral("plan.json: cannot be read")),
                             kPatienceMs);
  }

  void the_view_stays_where_it_is_when_the_next_clips_turn_comes() {
    Stage stage(model_);
    QVERIFY(stage.ready());
    stage.child<QSpinBox>("frames")->setValue(9);
    stage.click("generate");
    stage.child<QLineEdit>("seed")->setText(QStringLiteral("1"));
    stage.click("generate");
    auto* list = stage.child<QListView>("queue");
    auto* view = stage.child<ClipView>("clip_view");
    QVERIFY(stage.wait_for_ends(1));
    QCOMPARE(list->currentIndex().row(), 0);
    const auto first = stage.page->queue().clip(0);
    QCOMPARE(view->first(), first->dense_frames);
    QVERIFY(stage.wait_for_ends(2));
    QCOMPARE(list->currentIndex().row(), 0);
    QCOMPARE(view->first(), first->dense_frames);
    list->setCurrentIndex(stage.page->queue().index(1));
    QCOMPARE(view->first(), stage.page->queue().clip(1)->dense_frames);
  }

  void what_is_saved_is_what_is_shown() {
    Stage stage(model_);
    QVERIFY(stage.ready());
    stage.child<QSpinBox>("frames")->setValue(9);
    stage.click("generate");
    QVERIFY(stage.wait_for_ends(1));
    auto* view = stage.child<ClipView>("clip_view");
    auto* save = stage.child<QPushButton>("save");
    QVERIFY(save->isEnabled());
    const QString file = model_.path("shown.mp4");
    stage.page->save_clip(0, file);
    QTRY_VERIFY_WITH_TIMEOUT(stage.message().startsWith(QStringLiteral("Saved")), kPatienceMs);
    stage.page->open_video(file);
    QTRY_VERIFY_WITH_TIMEOUT(stage.message().startsWith(QStringLiteral("Settings taken")),
                             kPatienceMs);
    // The video is on show: no clip of the list is chosen, so none can be saved in its place, and
    // the focus that passes over the list chooses none.
    const auto clip = stage.page->queue().clip(0);
    QVERIFY(view->first() != clip->dense_frames);
    QVERIFY(!save->isEnabled());
    auto* list = stage.child<QListView>("queue");
    list->setFocus();
    QVERIFY(view->first() != clip->dense_frames);
    QVERIFY(!save->isEnabled());
    const QPoint row = list->visualRect(stage.page->queue().index(0)).center();
    QTest::mouseClick(list->viewport(), Qt::LeftButton, {}, row);
    QCOMPARE(view->first(), clip->dense_frames);
    QVERIFY(save->isEnabled());
    // A clip that is taken from the list is no longer shown either.
    stage.click("remove");
    QVERIFY(!view->first());
    QVERIFY(!save->isEnabled());
  }

  void saving_a_pair_names_both_files_before_it_replaces_one() {
    const QTemporaryDir folder;
    const auto at = [&](const char* name) { return folder.filePath(QString::fromLatin1(name)); };
    const auto bytes_of = [&](const char* name) {
      QFile file(at(name));
      return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    };
    QFile somebodys(at("z-dense.mp4"));
    QVERIFY(somebodys.open(QIODevice::WriteOnly));
    somebodys.write("somebody's");
    somebodys.close();
    Stage stage(model_);
    QVERIFY(stage.ready());
    stage.child<QSpinBox>("frames")->setValue(9);
    stage.click("generate");
    QVERIFY(stage.wait_for_ends(1));
    {
      const tests::Answers answers(
          {tests::type_name(at("z")), tests::press(QMessageBox::Cancel), tests::reject});
      stage.click("save");
      QCOMPARE(answers.seen().value(1),
               at("z-dense.mp4") + QStringLiteral(" is there already. Replace it?"));
      QCOMPARE(answers.names().value(1), QStringLiteral("z.mp4"));
    }
    QCOMPARE(bytes_of("z-dense.mp4"), QByteArray("somebody's"));
    QVERIFY(!QFileInfo::exists(at("z.mp4")));
    {
      // What Twill did not make stays whatever the answer is.
      const tests::Answers answers({tests::type_name(at("z")), tests::press(QMessageBox::Yes)});
      stage.click("save");
      QTRY_VERIFY_WITH_TIMEOUT(
          stage.message().contains(QStringLiteral("z-dense.mp4: was not written by Twill")),
          kPatienceMs);
    }
    QCOMPARE(bytes_of("z-dense.mp4"), QByteArray("somebody's"));
    QVERIFY(!QFileInfo::exists(at("z.mp4")));
    QVERIFY(QFile::remove(at("z-dense.mp4")));
    {
      const tests::Answers answers({tests::type_name(at("z"))});
      stage.click("save");
      QTRY_VERIFY_WITH_TIMEOUT(stage.message().startsWith(QStringLiteral("Saved")), kPatienceMs);
    }
    QVERIFY(bytes_of("z-dense.mp4").size() > 100);
    {
      const tests::Answers answers(
          {tests::type_name(at("z.mp4")), tests::press(QMessageBox::Cancel), tests::reject});
      stage.click("save");
      QCOMPARE(answers.seen().value(1),
               QStringLiteral("These files are there already:\n%1\n%2\nReplace them?")
                   .arg(at("z.mp4"), at("z-dense.mp4")));
      // The next name that is suggested is free.
      QCOMPARE(answers.names().value(0), QStringLiteral("clip.mp4"));
    }
  }

  void finished_clips_are_asked_about_until_they_are_saved() {
    Stage stage(model_);
    QVERIFY(stage.ready());
    QCOMPARE(stage.page->lost_by_closing(), QStringList());
    stage.child<QSpinBox>("frames")->setValue(9);
    stage.click("generate");
    QCOMPARE(stage.page->lost_by_closing(),
             QStringList{QStringLiteral("A clip is being made; closing stops it.")});
    QVERIFY(stage.wait_for_ends(1));
    const QStringList one = stage.page->lost_by_closing();
    QCOMPARE(one.size(), 1);
    QVERIFY2(one[0].startsWith(QStringLiteral("1 ")), qPrintable(one[0]));
    {
      const tests::Answers answers({tests::press(QMessageBox::Cancel)});
      stage.click("remove");
      QCOMPARE(answers.seen(),
               QStringList{QStringLiteral("The clip was not saved. Remove it all the same?")});
      QCOMPARE(stage.page->queue().rowCount(), 1);
    }
    const QTemporaryDir folder;
    stage.page->save_clip(0, folder.filePath(QStringLiteral("kept.mp4")));
    QTRY_COMPARE_WITH_TIMEOUT(stage.page->lost_by_closing(), QStringList(), kPatienceMs);
    const tests::Answers answers({tests::reject});
    stage.click("remove");
    QVERIFY(answers.seen().isEmpty());
    QCOMPARE(stage.page->queue().rowCount(), 0);
  }

  void a_full_disk_is_told_and_leaves_nothing() {
    Stage stage(model_);
    QVERIFY(stage.ready());
    stage.child<QSpinBox>("frames")->setValue(9);
    stage.click("generate");
    QVERIFY(stage.wait_for_ends(1));
    const QDir folder(model_.path("."));
    const QStringList files = folder.entryList(QDir::Files | QDir::Hidden);
    bool told = false;
    {
      const twill::tests::FullDisk full(2000);
      stage.page->save_clip(0, model_.path("full.mp4"));
      told = QTest::qWaitFor(
          [&] { return stage.message().contains(QStringLiteral("cannot be written")); },
          kPatienceMs);
    }
    QVERIFY2(told, qPrintable(stage.message()));
    QCOMPARE(folder.entryList(QDir::Files | QDir::Hidden), files);
    QVERIFY(stage.page->queue().clip(0));  // still there to be saved elsewhere
  }

  void more_model_folders_are_found_and_kept() {
    const tests::StudioModel more;
    model_.use();
    std::ofstream(more.folder / "paths.yaml")
        << "comfy:\n  base_path: .\n  diffusion_models: presets/demo\n";
    Stage stage(model_);
    QVERIFY(stage.ready());
    stage.page->models().set_places({more.path("presets/demo")}, {more.path("paths.yaml")});
    auto* models = stage.child<QComboBox>("model");
    QTRY_COMPARE_WITH_TIMEOUT(models->count(), 2, kPatienceMs);
    QSettings again(model_.path("studio.ini"), QSettings::IniFormat);
    stage.settings.sync();
    QCOMPARE(ModelList(again).folders(), QStringList{more.path("presets/demo")});
  }

 private:
  tests::StudioModel model_;
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestGeneratePage)
#include "test_generate_page.moc"
