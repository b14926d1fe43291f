// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QApplication>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QDropEvent>
#include <QImage>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSettings>
#include <QSpinBox>
#include <QTableWidget>
#include <QTest>
#include <QUrl>

#include "base/text.h"
#include "base/theme.h"
#include "generate/clip_form.h"
#include "generate/clip_queue.h"
#include "generate/generate_page.h"
#include "generate/lora_list.h"
#include "generate/picture_edit.h"
#include "generate/setting_choice.h"
#include "gui/page_stage.h"
#include "gui/studio_model.h"
#include "plan/plan_document.h"

namespace twill::gui {

namespace {

constexpr int kPatienceMs = 60000;

void drop(QWidget* on, const QStringList& files) {
  QMimeData data;
  QList<QUrl> urls;
  for (const QString& file : files) {
    urls.append(QUrl::fromLocalFile(file));
  }
  data.setUrls(urls);
  QDragEnterEvent enter(QPoint(1, 1), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(on, &enter);
  if (enter.isAccepted()) {
    QDropEvent event(QPointF(1, 1), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(on, &event);
  }
}

// As a user does.
void pick(QComboBox* box, int index) {
  box->setCurrentIndex(index);
  Q_EMIT box->activated(index);
}

}  // namespace

class TestClipForm : public QObject {
  Q_OBJECT

  // There before the page, which finds it.
  struct OwnModel {
    tests::StudioModel model;
  };
  // The page by itself; the only model makes clips from pictures, or from text.
  struct Stage : OwnModel, tests::PageStage<GeneratePage> {
    explicit Stage(const twill::tests::TinyModel& tiny) : PageStage(model.path("studio.ini")) {
      twill::tests::write_tiny_model(model.demo(), tiny);
      show(1200, 800);
    }
    bool found() {
      return QTest::qWaitFor([this] { return form()->facts().has_value(); }, kPatienceMs);
    }
    ClipForm* form() { return child<ClipForm>("clip_form"); }
    LoraList* loras() { return form()->findChild<LoraList*>(); }
    QString picture(const char* name, QColor colour) {
      const QString file = model.path(name);
      QImage image(96, 64, QImage::Format_RGB32);
      image.fill(colour);
      image.save(file);
      return file;
    }
  };

 private Q_SLOTS:
  void a_model_of_text_asks_for_no_picture() {
    Stage stage({});
    QVERIFY(stage.found());
    QVERIFY(!stage.child<QLineEdit>("image")->isVisible());
    QVERIFY(!stage.child<QLineEdit>("end_image")->isVisible());
    QVERIFY(stage.child<QPushButton>("add_lora")->isVisible());
    stage.child<QLineEdit>("image")->setText(stage.picture("red.png", Qt::red));
    QVERIFY(stage.form()->settings().image.empty());
  }

  void a_clip_from_a_picture_with_a_lora() {
    Stage stage({.from_pictures = true});
    QVERIFY(stage.found());
    QVERIFY(stage.child<QLineEdit>("image")->isVisible());
    QTRY_COMPARE(stage.child<QLabel>("cost")->text(),
                 QStringLiteral("Choose the start picture: this model makes clips from one."));
    auto* generate = stage.child<QPushButton>("generate");
    QVERIFY(!generate->isEnabled());
    const QString red = stage.picture("red.png", Qt::red);
    drop(stage.form()->findChildren<PictureEdit*>().at(0), {red});
    QCOMPARE(stage.child<QLineEdit>("image")->text(), red);
    QVERIFY(!stage.child<QLabel>("image_shown")->pixmap().isNull());
    QTRY_VERIFY_WITH_TIMEOUT(generate->isEnabled(), kPatienceMs);
    stage.child<QLineEdit>("end_image")->setText(stage.picture("blue.png", Qt::blue));
    const auto lora = stage.model.folder / "loras/one.safetensors";
    twill::tests::write_tiny_lora(lora);
    drop(stage.loras(), {path_to_qt(lora), QStringLiteral("/notes.txt")});
    auto* table = stage.child<QTableWidget>("loras");
    QCOMPARE(table->rowCount(), 1);
    static_cast<QDoubleSpinBox*>(table->cellWidget(0, 1))->setValue(0.5);
    auto* expert = static_cast<QComboBox*>(table->cellWidget(0, 2));
    QVERIFY(!table->isColumnHidden(2));
    expert->setCurrentText(QStringLiteral("low_noise"));
    QTest::mouseClick(generate, Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(stage.page->queue().state(0), RequestState::kFinished, kPatienceMs);
    const auto clip = stage.page->queue().clip(0);
    QVERIFY(clip->record.image.starts_with("red.png "));
    QVERIFY(clip->record.end_image.starts_with("blue.png "));
    QCOMPARE(clip->record.loras.size(), std::size_t{1});
    QCOMPARE(lora_text(clip->record.loras[0].choice), std::string("low_noise=one.safetensors:0.5"));
  }

  void a_first_frame_may_be_chosen_and_a_last_one_not() {
    Stage stage({.first_frame = true});
    QVERIFY(stage.found());
    QVERIFY(stage.child<QLineEdit>("image")->isVisible());
    QVERIFY(!stage.child<QLineEdit>("end_image")->isVisible());
    auto* generate = stage.child<QPushButton>("generate");
    QTRY_VERIFY_WITH_TIMEOUT(generate->isEnabled(), kPatienceMs);
    stage.child<QLineEdit>("image")->setText(stage.picture("red.png", Qt::red));
    stage.child<QLineEdit>("end_image")->setText(stage.picture("blue.png", Qt::blue));
    QVERIFY(stage.form()->settings().end_image.empty());
    stage.child<QSpinBox>("frames")->setValue(1);
    QTRY_COMPARE(stage.child<QLabel>("cost")->text(),
                 QStringLiteral("a model of wan2.2-ti2v makes the start picture the clip's first "
                                "frame, so a clip of one frame would be that picture: give more "
                                "frames"));
    stage.child<QSpinBox>("frames")->setValue(5);
    QTRY_VERIFY_WITH_TIMEOUT(generate->isEnabled(), kPatienceMs);
    QTest::mouseClick(generate, Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(stage.page->queue().state(0), RequestState::kFinished, kPatienceMs);
    const auto clip = stage.page->queue().clip(0);
    QVERIFY(clip->record.image.starts_with("red.png "));
    QVERIFY(clip->record.end_image.empty());
  }

  void a_file_that_is_no_picture_is_told() {
    Stage stage({.from_pictures = true});
    QVERIFY(stage.found());
    stage.child<QLineEdit>("image")->setText(stage.model.path("plan.json"));
    QCOMPARE(stage.child<QLabel>("image_shown")->text(),
             QStringLiteral("This file cannot be shown as a picture."));
    stage.child<QLineEdit>("image")->clear();
    QVERIFY(!stage.child<QLabel>("image_shown")->isVisible());
  }

  void loras_are_removed_one_by_one() {
    LoraList list(nullptr);
    list.add({QStringLiteral("/a.safetensors"), QStringLiteral("/b.safetensors")});
    auto* remove = list.findChild<QPushButton*>(QStringLiteral("remove_lora"));
    list.findChild<QTableWidget*>()->setCurrentCell(0, 0);
    remove->click();
    QCOMPARE(list.loras().size(), std::size_t{1});
    QCOMPARE(list.loras()[0].file, std::filesystem::path("/b.safetensors"));
    remove->click();
    QVERIFY(list.loras().empty());
    QVERIFY(!remove->isEnabled());
  }

  // Those of two experts are kept for all where another model has one network.
  void loras_follow_the_models_experts() {
    LoraList list(nullptr);
    list.set_experts({"high_noise", "low_noise"});
    list.set_loras({{.file = "/a.safetensors", .strength = 0.25, .expert = "low_noise"}});
    QCOMPARE(list.loras()[0].expert, std::string("low_noise"));
    list.set_experts({"default"});
    QCOMPARE(list.loras()[0].expert, std::string());
    QCOMPARE(list.loras()[0].strength, 0.25);
  }

  void brackets_are_read_as_chosen() {
    Stage stage({});
    QVERIFY(stage.found());
    auto* weights = stage.child<QComboBox>("prompt_weights");
    QCOMPARE(weights->count(), int{kPromptWeightsNames.size()});
    QCOMPARE(stage.form()->settings().prompt_weights, PromptWeights::kAuto);
    auto* generate = stage.child<QPushButton>("generate");
    auto* cost = stage.child<QLabel>("cost");
    stage.form()->set_prompt(QStringLiteral("a (red:1.3) ball"));
    QTRY_VERIFY_WITH_TIMEOUT(generate->isEnabled(), kPatienceMs);
    weights->setCurrentText(QStringLiteral("text"));
    QCOMPARE(stage.form()->settings().prompt_weights, PromptWeights::kNone);
    QVERIFY(!generate->isEnabled());
    QVERIFY(cost->text().startsWith(QStringLiteral("unknown prompt word \"(red:1.3)\"")));
    weights->setCurrentText(QStringLiteral("weights, as in ComfyUI"));
    QTRY_VERIFY_WITH_TIMEOUT(generate->isEnabled(), kPatienceMs);
    stage.form()->set_prompt(QStringLiteral("a (red:1000) ball"));
    QCOMPARE(cost->text(),
             QStringLiteral("the prompt has weight 1000 on \"red\", which is not in -100..100; "
                            "--prompt-weights none makes text of it"));
    report::ClipRecord record{.prompt = "a red ball", .clip = stage.form()->settings()};
    record.clip.dtype = "float32";
    record.clip.prompt_weights = PromptWeights::kNone;
    stage.form()->set_record(record);
    QCOMPARE(weights->currentText(), QStringLiteral("text"));
  }

  void settings_fill_the_fields_and_a_changed_field_is_own() {
    Stage stage({.from_pictures = true});
    QVERIFY(stage.found());
    auto* setting = stage.child<QComboBox>("setting");
    // A model.json says its own only.
    QCOMPARE(setting->count(), 2);
    QCOMPARE(setting->currentText(), QStringLiteral("The model's own, 4 steps"));
    stage.child<QSpinBox>("steps")->setValue(7);
    QCOMPARE(setting->currentText(), QStringLiteral("Own"));
    stage.child<QDoubleSpinBox>("cfg")->setValue(2.5);
    pick(setting, 0);
    QCOMPARE(stage.child<QSpinBox>("steps")->value(), 4);
    QCOMPARE(stage.child<QDoubleSpinBox>("cfg")->value(), 1.0);
    QCOMPARE(setting->currentText(), QStringLiteral("The model's own, 4 steps"));
    stage.child<QComboBox>("sampler")->setCurrentText(QStringLiteral("unipc"));
    QCOMPARE(setting->currentText(), QStringLiteral("Own"));
    // What is no part of a setting leaves it.
    pick(setting, 0);
    stage.child<QSpinBox>("frames")->setValue(9);
    stage.child<QLineEdit>("seed")->setText(QStringLiteral("3"));
    QCOMPARE(setting->currentIndex(), 0);
    // "Own" changes nothing by itself.
    pick(setting, 1);
    QCOMPARE(stage.child<QSpinBox>("steps")->value(), 4);
  }

  void published_settings_are_listed_with_their_source() {
    jobs::ModelFacts facts;
    facts.defaults = {.steps = 40, .shift = 5, .cfg = 5, .sampler = "unipc"};
    facts.settings = published_settings(model_family("wan2.1-i2v"), 0);
    SettingChoice choice;
    QCOMPARE(choice.count(), 1);
    choice.set_model(facts);
    QStringList texts;
    for (int i = 0; i < choice.count(); ++i) {
      texts.append(choice.itemText(i));
    }
    QCOMPARE(texts,
             (QStringList{QStringLiteral("The model's own, 40 steps"),
                          QStringLiteral("Published for 1280 x 720, 40 steps"),
                          QStringLiteral("Published for 832 x 480, 40 steps"),
                          QStringLiteral("Published for a start and an end picture, 50 steps"),
                          QStringLiteral("Fast, with a step-distilled LoRA, 4 steps"),
                          QStringLiteral("Fast, with a step-distilled LoRA, 8 steps"),
                          QStringLiteral("Own")}));
    QCOMPARE(choice.itemData(2, Qt::ToolTipRole).toString(),
             QStringLiteral("40 steps, shift 3, guidance 5, unipc. From Wan-Video/Wan2.1: "
                            "generate.py."));
    QVERIFY(choice.itemData(5, Qt::ToolTipRole)
                .toString()
                .endsWith(QStringLiteral("_cfg.json, which nobody published.")));
    report::ClipSettings fields{
        .width = 480, .height = 832, .steps = 40, .shift = 3, .cfg = 5, .sampler = "unipc"};
    choice.show_for(fields);
    QCOMPARE(choice.currentIndex(), 2);  // upright
    QVERIFY(!choice.distilled());
    fields = {.width = 64, .height = 64, .steps = 8, .shift = 5, .cfg = 1, .sampler = "euler"};
    choice.show_for(fields);
    QCOMPARE(choice.currentIndex(), 5);
    QVERIFY(choice.distilled());
    // The model's own is also what is published for 1280 x 720: the chosen one stays.
    fields = {.width = 1280, .height = 720, .steps = 40, .shift = 5, .cfg = 5, .sampler = "unipc"};
    choice.setCurrentIndex(1);
    choice.show_for(fields);
    QCOMPARE(choice.currentIndex(), 1);
    fields.width = 640;
    choice.show_for(fields);
    QCOMPARE(choice.currentIndex(), 0);
  }

  void each_of_two_experts_has_a_guidance() {
    {
      Stage stage({});
      QVERIFY(stage.found());
      QVERIFY(!stage.child<QDoubleSpinBox>("second_cfg")->isVisible());
      stage.child<QDoubleSpinBox>("second_cfg")->setValue(3);
      QVERIFY(!stage.form()->settings().cfg->second);
    }
    Stage stage({.from_pictures = true});
    QVERIFY(stage.found());
    auto* first = stage.child<QDoubleSpinBox>("cfg");
    auto* second = stage.child<QDoubleSpinBox>("second_cfg");
    QVERIFY(second->isVisible());
    first->setValue(4);
    second->setValue(3);
    QVERIFY(stage.form()->settings().cfg == Guidance(4.0, 3.0));
    second->setValue(4);
    QVERIFY(!stage.form()->settings().cfg->second);
    // Back out of a video.
    report::ClipRecord record{.prompt = "a"};
    record.clip = stage.form()->settings();
    record.clip.dtype = "float32";
    record.clip.cfg = Guidance(2.5, 1.5);
    stage.form()->set_record(record);
    QCOMPARE(first->value(), 2.5);
    QCOMPARE(second->value(), 1.5);
  }

  void the_memory_of_a_gpu_is_asked_for_where_there_is_one() {
    Stage stage({});
    QVERIFY(stage.found());
    auto* vram = stage.child<QDoubleSpinBox>("vram");
    stage.form()->set_has_gpu(false);
    vram->setValue(12);
    QVERIFY(!vram->isVisible());
    QVERIFY(!stage.form()->settings().vram_gib);
    stage.form()->set_has_gpu(true);
    QVERIFY(vram->isVisible());
    QCOMPARE(stage.form()->settings().vram_gib.value_or(0), 12.0);
    vram->setValue(0);
    QCOMPARE(vram->text(), QStringLiteral("all that is free"));
    QVERIFY(!stage.form()->settings().vram_gib);
  }

  void a_record_brings_its_loras_back() {
    Stage stage({});
    QVERIFY(stage.found());
    const auto comfy = stage.model.folder / "ComfyUI";
    twill::tests::write_tiny_lora(comfy / "models/loras/one.safetensors");
    std::filesystem::create_directories(comfy / "models/diffusion_models");
    qputenv("TWILL_COMFYUI", comfy.c_str());
    report::ClipRecord record{.prompt = "a red ball", .clip = stage.form()->settings()};
    record.clip.dtype = "float32";
    record.loras = {{.choice = {.file = "one.safetensors", .strength = 0.5}},
                    {.choice = {.file = "gone.safetensors"}}};
    stage.form()->set_record(record);
    const std::vector<LoraChoice> loras = stage.form()->settings().loras;
    QCOMPARE(loras.size(), std::size_t{2});
    QCOMPARE(loras[0].file, comfy / "models/loras/one.safetensors");
    QCOMPARE(loras[0].strength, 0.5);
    QCOMPARE(loras[1].file, std::filesystem::path("gone.safetensors"));
    qunsetenv("TWILL_COMFYUI");
  }
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestClipForm)
#include "test_clip_form.moc"
