// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The page with clicks: against a fake ComfyUI, and against a real one where TWILL_COMFY_ADDRESS
// names it (tests/gui/test_real_comfyui.py does).
#include <QApplication>
#include <QBuffer>
#include <QComboBox>
#include <QDir>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QTest>

#include "base/theme.h"
#include "comfy/comfy_page.h"
#include "gui/clips.h"
#include "gui/fake_comfy.h"
#include "gui/page_stage.h"
#include "gui/studio_model.h"
#include "plan/plan_document.h"
#include "player/picture_view.h"
#include "twill/media/clip_files.h"
#include "twill/report/clip_record.h"

namespace twill::gui {

using tests::FakeComfy;

namespace {

constexpr int kPatienceMs = 60000;

QByteArray red_png() {
  QImage image(8, 4, QImage::Format_RGB888);
  image.fill(Qt::red);
  QByteArray png;
  QBuffer buffer(&png);
  buffer.open(QIODevice::WriteOnly);
  image.save(&buffer, "PNG");
  return png;
}

}  // namespace

class TestComfyPage : public QObject {
  Q_OBJECT

  struct Stage : tests::PageStage<ComfyPage> {
    explicit Stage(const tests::StudioModel& model) : PageStage(model.path("studio.ini")) {
      settings.clear();
      document.open(model.path("plan.json"));
      show(1000, 600);
      QObject::connect(&page->client(), &ComfyClient::ended, page.get(),
                       [this](const jobs::Outcome& outcome) { ends.push_back(outcome); });
    }
    QString message() { return child<QLabel>("message")->text(); }
    bool connect_to(const QString& address) {
      child<QLineEdit>("address")->setText(address);
      click("connect");
      return QTest::qWaitFor([this] { return page->client().is_connected(); }, kPatienceMs);
    }
    void choose(const tests::StudioModel& model, const char* name, const QByteArray& text) {
      QFile file(model.path(name));
      QVERIFY(file.open(QIODevice::WriteOnly));
      file.write(text);
      file.close();
      page->choose_workflow(file.fileName());
    }
    void choose_plan(const QString& data) {
      auto* plans = child<QComboBox>("comfy_plan");
      plans->setCurrentIndex(plans->findData(data));
    }
    bool ended() {
      return QTest::qWaitFor([this] { return !ends.empty(); }, kPatienceMs);
    }

    std::vector<jobs::Outcome> ends;
  };

  inline static const QString kPut = QStringLiteral("/twill/plans/twill-studio");
  static constexpr const char* kWorkflow =
      R"({"1": {"class_type": "TwillLoadSparsePlan", "inputs": {"plan": "one.json"}}})";

 private Q_SLOTS:
  void a_picture_is_fetched_and_shown() {
    Stage stage(model_);
    FakeComfy server;
    QVERIFY(stage.connect_to(server.address()));
    QVERIFY(stage.child<QLabel>("state")->text().startsWith(QStringLiteral("ComfyUI 0.30.0")));
    stage.choose(model_, "w.json", kWorkflow);
    QTRY_VERIFY_WITH_TIMEOUT(server.listener != nullptr, kPatienceMs);
    stage.click("run");
    QTRY_COMPARE_WITH_TIMEOUT(stage.message(), QStringLiteral("Waiting in ComfyUI's queue"),
                              kPatienceMs);
    server.answers[QStringLiteral("/view")] = red_png();
    server.finish(
        R"({"9": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}})");
    QVERIFY(stage.ended());
    auto* picture = stage.child<PictureView>("picture_view");
    QTRY_COMPARE_WITH_TIMEOUT(picture->picture().size(), QSize(8, 4), kPatienceMs);
  }

  void two_videos_are_played_side_by_side() {
    Stage stage(model_);
    FakeComfy server;
    QVERIFY(stage.connect_to(server.address()));
    stage.choose(model_, "w.json", kWorkflow);
    QTRY_VERIFY_WITH_TIMEOUT(server.listener != nullptr, kPatienceMs);
    stage.click("run");
    QTRY_VERIFY_WITH_TIMEOUT(server.times_asked(QStringLiteral("/prompt")) == 1, kPatienceMs);
    media::write_clip(model_.folder / "v.mp4", *tests::flat_clip(32, 32, 4, {50, 60, 70}), 10.0,
                      {});
    QFile video(model_.path("v.mp4"));
    QVERIFY(video.open(QIODevice::ReadOnly));
    server.answers[QStringLiteral("/view")] = video.readAll();
    QTRY_VERIFY_WITH_TIMEOUT(stage.page->client().running(), kPatienceMs);
    QTest::qWait(50);
    server.finish(R"({"1": {"images": [{"filename": "sparse_1.mp4", "type": "output"}]},
                      "2": {"images": [{"filename": "dense_1.mp4", "type": "output"}]}})");
    QTRY_COMPARE_WITH_TIMEOUT(stage.message(), QStringLiteral("Finished"), kPatienceMs);
    QVERIFY(stage.child<QComboBox>("view_mode")->isVisible());
  }

  void the_open_plan_goes_to_comfyui_and_into_the_workflow() {
    Stage stage(model_);
    FakeComfy server;
    server.answers[kPut] = R"({"name": "twill-studio.json"})";
    QVERIFY(stage.connect_to(server.address()));
    stage.choose(model_, "w.json", kWorkflow);
    stage.choose_plan(QStringLiteral("open"));
    stage.click("run");
    QVERIFY(!stage.child<QPushButton>("run")->isEnabled());
    QTRY_VERIFY_WITH_TIMEOUT(server.times_asked(QStringLiteral("/prompt")) == 1, kPatienceMs);
    QVERIFY(server.asked.constLast().second.contains("twill-studio.json"));
    QCOMPARE(server.times_asked(kPut), 1);
    for (const auto& [path, body] : server.asked) {
      if (path == kPut) {
        QCOMPARE(body.toStdString(), plan_to_json(*stage.document.plan()));
      }
    }
  }

  void a_plan_that_comfyui_does_not_take_is_told() {
    Stage stage(model_);
    FakeComfy server;
    QVERIFY(stage.connect_to(server.address()));
    stage.choose(model_, "w.json", kWorkflow);
    stage.choose_plan(QStringLiteral("open"));
    // As the nodes refuse it, and as a ComfyUI without them does.
    server.statuses[kPut] = 400;
    server.answers[kPut] = R"({"error": "twill-studio: no head_dim"})";
    stage.click("run");
    QTRY_COMPARE_WITH_TIMEOUT(stage.message(), QStringLiteral("twill-studio: no head_dim"),
                              kPatienceMs);
    QVERIFY(stage.child<QPushButton>("run")->isEnabled());
    server.statuses[kPut] = 404;
    server.answers[kPut] = "404: Not Found";
    stage.click("run");
    QTRY_VERIFY_WITH_TIMEOUT(stage.message().contains(QStringLiteral("models/sparse_plans")),
                             kPatienceMs);
    QCOMPARE(server.times_asked(QStringLiteral("/prompt")), 0);
    // Gone in the middle of it.
    server.die();
    stage.click("run");
    QTRY_VERIFY_WITH_TIMEOUT(stage.child<QPushButton>("run")->isEnabled(), kPatienceMs);
  }

  void errors_of_comfyui_and_of_the_workflow_are_shown() {
    Stage stage(model_);
    FakeComfy server;
    server.statuses[QStringLiteral("/prompt")] = 400;
    server.answers[QStringLiteral("/prompt")] =
        R"({"error": {"message": "Cannot execute", "details": "no outputs"}})";
    QVERIFY(stage.connect_to(server.address()));
    stage.choose(model_, "w.json", kWorkflow);
    stage.click("run");
    QVERIFY(stage.ended());
    QCOMPARE(stage.message(), QStringLiteral("Failed: Cannot execute: no outputs"));
    stage.choose(model_, "broken.json", "{");
    stage.click("run");
    QVERIFY(stage.message().contains(QStringLiteral("broken.json: is no workflow of ComfyUI")));
    stage.choose_plan(QStringLiteral("one.json"));
    stage.choose(model_, "plain.json", R"({"1": {"class_type": "Loader", "inputs": {}}})");
    stage.click("run");
    QVERIFY(stage.message().contains(QStringLiteral("no node of it chooses a plan")));
  }

  void without_our_nodes_there_a_run_is_refused_in_words() {
    Stage stage(model_);
    auto* problem = stage.child<QLabel>("run_problem");
    auto* run = stage.child<QPushButton>("run");
    QVERIFY(!run->isEnabled());
    QCOMPARE(problem->text(), QStringLiteral("Connect to a ComfyUI to run a workflow there."));
    FakeComfy server;
    QJsonObject nodes =
        QJsonDocument::fromJson(server.answers[QStringLiteral("/object_info")]).object();
    nodes.remove(QStringLiteral("TwillLoadSparsePlan"));
    server.answers[QStringLiteral("/object_info")] = QJsonDocument(nodes).toJson();
    QVERIFY(stage.connect_to(server.address()));
    QVERIFY(stage.child<QLabel>("state")->text().endsWith(
        QStringLiteral("; Twill's nodes are not installed there")));
    stage.child<QComboBox>("workflow")->clear();
    stage.choose_plan(QStringLiteral("open"));
    QCOMPARE(problem->text(), QStringLiteral("Choose a workflow file."));
    stage.choose(model_, "w.json", kWorkflow);
    QVERIFY(!run->isEnabled());
    QVERIFY(problem->isVisible());
    QCOMPARE(problem->text(), QStringLiteral("Twill's nodes are not installed in that ComfyUI: no "
                                             "plan can be given to it."));
    stage.choose_plan(QStringLiteral("as it is"));
    QVERIFY(!problem->isVisible());
    // Both kinds of workflow files that need them.
    const QByteArray drawn =
        R"({"nodes": [{"id": 1, "type": "TwillLoadSparsePlan", "mode": 0, "inputs": [],
                       "widgets_values": ["one.json"]}], "links": []})";
    for (const auto& [name, text] :
         {std::pair("w.json", QByteArray(kWorkflow)), std::pair("drawn.json", drawn)}) {
      stage.choose(model_, name, text);
      stage.click("run");
      QCOMPARE(stage.message(),
               model_.path(name) + QStringLiteral(": node 1 (TwillLoadSparsePlan): is not known to "
                                                  "this ComfyUI; is its node pack installed?"));
    }
    QCOMPARE(server.times_asked(QStringLiteral("/prompt")), 0);
    // What needs none of them runs.
    stage.choose(model_, "plain.json", R"({"1": {"class_type": "Loader", "inputs": {}}})");
    stage.click("run");
    QTRY_COMPARE_WITH_TIMEOUT(server.times_asked(QStringLiteral("/prompt")), 1, kPatienceMs);
  }

  void a_comfyui_that_went_away_is_not_connected() {
    Stage stage(model_);
    FakeComfy server;
    QVERIFY(stage.connect_to(server.address()));
    stage.choose(model_, "w.json", kWorkflow);
    stage.click("run");
    QTRY_COMPARE_WITH_TIMEOUT(stage.message(), QStringLiteral("Waiting in ComfyUI's queue"),
                              kPatienceMs);
    server.die();
    QVERIFY(stage.ended());
    QVERIFY(!stage.child<QPushButton>("run")->isEnabled());
    QCOMPARE(stage.child<QLabel>("state")->text(), QStringLiteral("Not connected"));
  }

  void a_real_comfyui_runs_fails_and_stops() {
    const QString address = qEnvironmentVariable("TWILL_COMFY_ADDRESS");
    if (address.isEmpty()) {
      QSKIP("TWILL_COMFY_ADDRESS names no running ComfyUI");
    }
    Stage stage(model_);
    QVERIFY(stage.connect_to(address));
    QVERIFY(stage.child<QLabel>("state")->text().contains(QStringLiteral("0.30")));
    stage.choose(model_, "good.json", R"({
      "1": {"class_type": "EmptyImage",
            "inputs": {"width": 64, "height": 32, "batch_size": 1, "color": 255}},
      "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "t"}}})");
    stage.click("run");
    QVERIFY(stage.ended());
    QCOMPARE(stage.ends[0].kind, jobs::OutcomeKind::kFinished);
    auto* picture = stage.child<PictureView>("picture_view");
    QTRY_COMPARE_WITH_TIMEOUT(picture->picture().size(), QSize(64, 32), kPatienceMs);
    QCOMPARE(picture->picture().pixelColor(5, 5), QColor(0, 0, 255));

    // Refused before it runs: no such node output; and failing while it runs: no VAE in the file.
    stage.ends.clear();
    stage.choose(model_, "refused.json", R"({
      "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "t"}}})");
    stage.click("run");
    QVERIFY(stage.ended());
    QCOMPARE(stage.ends[0].kind, jobs::OutcomeKind::kFailed);
    QVERIFY2(stage.message().contains(QStringLiteral("node 2 (SaveImage): Required input is "
                                                     "missing: images")),
             qPrintable(stage.message()));
    stage.ends.clear();
    stage.choose(model_, "failing.json", R"({
      "1": {"class_type": "EmptyImage",
            "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}},
      "3": {"class_type": "VAELoader", "inputs": {"vae_name": "damaged.safetensors"}},
      "4": {"class_type": "VAEEncode", "inputs": {"pixels": ["1", 0], "vae": ["3", 0]}},
      "5": {"class_type": "SaveLatent",
            "inputs": {"samples": ["4", 0], "filename_prefix": "t"}}})");
    stage.click("run");
    QVERIFY(stage.ended());
    QCOMPARE(stage.ends[0].kind, jobs::OutcomeKind::kFailed);
    QVERIFY2(stage.message().contains(QStringLiteral("VAELoader")), qPrintable(stage.message()));

    // A chain of slow nodes, stopped on its way.
    stage.ends.clear();
    QJsonObject slow;
    const auto node = [&](int id, const char* type, const QJsonObject& inputs) {
      slow.insert(QString::number(id),
                  QJsonObject{{QStringLiteral("class_type"), QLatin1String(type)},
                              {QStringLiteral("inputs"), inputs}});
    };
    node(1, "EmptyImage",
         {{QStringLiteral("width"), 1024},
          {QStringLiteral("height"), 1024},
          {QStringLiteral("batch_size"), 8},
          {QStringLiteral("color"), 9}});
    for (int id = 2; id < 40; ++id) {
      node(id, "ImageBlur",
           {{QStringLiteral("image"), QJsonArray{QString::number(id - 1), 0}},
            {QStringLiteral("blur_radius"), 31},
            {QStringLiteral("sigma"), 5.0}});
    }
    node(40, "PreviewImage", {{QStringLiteral("images"), QJsonArray{QStringLiteral("39"), 0}}});
    stage.choose(model_, "slow.json", QJsonDocument(slow).toJson());
    stage.click("run");
    QTRY_VERIFY_WITH_TIMEOUT(stage.message().contains(QStringLiteral("ImageBlur")), kPatienceMs);
    stage.click("cancel");
    QVERIFY(stage.ended());
    QCOMPARE(stage.ends[0].kind, jobs::OutcomeKind::kCancelled);
    QCOMPARE(stage.message(), QStringLiteral("Cancelled"));
  }

  // With Twill's nodes: the plan that is open goes there over HTTP and through a workflow.
  void a_real_comfyui_takes_the_open_plan() {
    const QString address = qEnvironmentVariable("TWILL_COMFY_ADDRESS");
    if (address.isEmpty()) {
      QSKIP("TWILL_COMFY_ADDRESS names no running ComfyUI");
    }
    Stage stage(model_);
    QVERIFY(stage.connect_to(address));
    stage.choose(model_, "preview.json", R"({
      "1": {"class_type": "TwillLoadSparsePlan", "inputs": {"plan": "preset: demo/plan"}},
      "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 2], "filename_prefix": "t"}}})");
    stage.choose_plan(QStringLiteral("open"));
    stage.click("run");
    QVERIFY2(stage.ended(), qPrintable(stage.message()));
    QVERIFY2(stage.ends[0].kind == jobs::OutcomeKind::kFinished, qPrintable(stage.message()));
    QTRY_VERIFY_WITH_TIMEOUT(!stage.child<PictureView>("picture_view")->picture().size().isEmpty(),
                             kPatienceMs);
    // It is among that ComfyUI's plans from now on.
    QVERIFY(stage.child<QComboBox>("comfy_plan")->findData(QStringLiteral("twill-studio.json")) >=
            0);
  }

 private:
  tests::StudioModel model_;
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestComfyPage)
#include "test_comfy_page.moc"
