// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// From the first start with a ComfyUI folder to a clip: where models are looked for, what was
// found, what a clip will take, and a clip from a picture with a LoRA by the published setting.

#include <QAction>
#include <QDoubleSpinBox>
#include <QDropEvent>
#include <QImage>
#include <QMimeData>
#include <QSpinBox>
#include <QTableWidget>
#include <QTreeWidget>
#include <QUrl>

#include "base/model_list.h"
#include "base/text.h"
#include "generate/clip_form.h"
#include "generate/cost_teller.h"
#include "generate/generate_page.h"
#include "generate/lora_list.h"
#include "generate/models_dialog.h"
#include "generate/picture_edit.h"
#include "gui/answers.h"
#include "gui/page_stage.h"
#include "gui/studio_model.h"
#include "gui/studio_window.h"

namespace twill::gui {

namespace {

constexpr int kPatienceMs = 120000;

void drop(QWidget* on, const QString& file) {
  QMimeData data;
  data.setUrls({QUrl::fromLocalFile(file)});
  QDragEnterEvent enter(QPoint(1, 1), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(on, &enter);
  QDropEvent event(QPointF(1, 1), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(on, &event);
}

QTreeWidgetItem* row_of(const QTreeWidget* tree, const QString& text) {
  const QList<QTreeWidgetItem*> found = tree->findItems(text, Qt::MatchExactly);
  return found.isEmpty() ? nullptr : found.constFirst();
}

}  // namespace

class TestFirstClip : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() {
    model_ = std::make_unique<tests::StudioModel>();
    comfy_ = model_->folder / "ComfyUI";
    twill::tests::write_tiny_comfy(comfy_, {.from_pictures = true});
    qputenv("TWILL_COMFYUI", comfy_.c_str());
  }
  void cleanup() { qunsetenv("TWILL_COMFYUI"); }

  void three_clicks_lead_to_a_page_that_is_ready() {
    tests::StudioWindow window;
    window.main().resize(1280, 840);
    window.main().show();
    QVERIFY(QTest::qWaitForWindowExposed(&window.main()));
    // First click: the page.
    auto* bar = window.main().findChild<QToolBar*>();
    for (QAction* action : bar->actions()) {
      if (action->text() == QStringLiteral("Generate")) {
        QTest::mouseClick(bar->widgetForAction(action), Qt::LeftButton);
      }
    }
    QCOMPARE(window.main().page_shown(), QStringLiteral("generate"));
    QWidget* page = window.page(QStringLiteral("generate"));
    auto* form = page->findChild<ClipForm*>();
    QTRY_VERIFY_WITH_TIMEOUT(form->facts().has_value(), kPatienceMs);
    // Second click: where models are looked for, what was found, what is lacking.
    QStringList places, states;
    QString summary;
    tests::Answers answers({[&](QDialog& dialog) {
      for (const char* name : {"places", "found"}) {
        const auto* tree = dialog.findChild<QTreeWidget*>(QString::fromLatin1(name));
        for (int i = 0; i < tree->topLevelItemCount(); ++i) {
          (QLatin1String(name) == QLatin1String("places") ? places : states)
              .append(tree->topLevelItem(i)->text(0) + QLatin1Char('|') +
                      tree->topLevelItem(i)->text(1));
        }
      }
      summary = dialog.findChild<QLabel*>(QStringLiteral("found_summary"))->text();
      // Third click (of two): the model.
      auto* found = dialog.findChild<QTreeWidget*>(QStringLiteral("found"));
      auto* item = row_of(found, QStringLiteral("wan2.2_i2v_high_noise_tiny"));
      QVERIFY(item != nullptr);
      const QPoint at = found->visualItemRect(item).center();
      QTest::mouseClick(found->viewport(), Qt::LeftButton, {}, at);
      QTest::mouseDClick(found->viewport(), Qt::LeftButton, {}, at);
    }});
    QTest::mouseClick(page->findChild<QPushButton*>(QStringLiteral("model_folders")),
                      Qt::LeftButton);
    QCOMPARE(places,
             (QStringList{path_to_qt(model_->demo()) + QStringLiteral("|comes with Twill"),
                          path_to_qt(comfy_) + QStringLiteral("|ComfyUI, found by itself")}));
    QCOMPARE(states, (QStringList{QStringLiteral("demo|ready"),
                                  QStringLiteral("wan2.2_i2v_high_noise_tiny|ready")}));
    QCOMPARE(summary, QStringLiteral("&Found: 2 model(s), 2 ready"));
    QCOMPARE(form->facts()->name, std::string("wan2.2_i2v_high_noise_tiny"));
    QCOMPARE(page->findChild<QLabel*>(QStringLiteral("cost"))->text(),
             QStringLiteral("Choose the start picture: this model makes clips from one."));
  }

  void what_a_model_lacks_is_named_and_a_folder_brings_it() {
    const auto vae = comfy_ / "models/vae/wan_2.1_vae.safetensors";
    const auto elsewhere = model_->folder / "more/vae/wan_2.1_vae.safetensors";
    std::filesystem::create_directories(elsewhere.parent_path());
    std::filesystem::rename(vae, elsewhere);
    QSettings settings(model_->path("a.ini"), QSettings::IniFormat);
    ModelList models(settings);
    models.look_again();
    ModelsDialog dialog(models);
    dialog.show();
    auto* found = dialog.findChild<QTreeWidget*>(QStringLiteral("found"));
    auto* places = dialog.findChild<QTreeWidget*>(QStringLiteral("places"));
    auto* use = dialog.findChild<QPushButton*>(QStringLiteral("use_model"));
    auto* details = dialog.findChild<QLabel*>(QStringLiteral("model_details"));
    const QString name = QStringLiteral("wan2.2_i2v_high_noise_tiny");
    QTRY_VERIFY_WITH_TIMEOUT(row_of(found, name) != nullptr, kPatienceMs);
    QCOMPARE(row_of(found, name)->text(1), QStringLiteral("lacks wan_2.1_vae.safetensors"));
    QVERIFY(use->isEnabled());  // the demo model is chosen
    found->setCurrentItem(row_of(found, name));
    QVERIFY(!use->isEnabled());
    QVERIFY2(details->text().contains(QStringLiteral("needs the VAE of Wan 2.1 (16 channels)")),
             qPrintable(details->text()));
    QVERIFY(details->text().contains(path_to_qt(vae.parent_path())));
    // A folder that has ComfyUI's folders is one of ComfyUI's.
    dialog.add_place(model_->path("more"));
    QCOMPARE(models.lists(), QStringList{model_->path("more")});
    QTRY_VERIFY_WITH_TIMEOUT(
        row_of(found, name) != nullptr && row_of(found, name)->text(1) == QStringLiteral("ready"),
        kPatienceMs);
    QCOMPARE(found->currentItem(), row_of(found, name));  // the chosen one stays
    use->click();
    QCOMPARE(dialog.result(), int{QDialog::Accepted});
    QVERIFY(dialog.chosen().string().ends_with("high_noise_tiny.safetensors"));
    // Only places of the user's own can be forgotten.
    auto* forget = dialog.findChild<QPushButton*>(QStringLiteral("forget_place"));
    places->setCurrentItem(places->topLevelItem(0));
    QVERIFY(!forget->isEnabled());
    places->setCurrentItem(row_of(places, model_->path("more")));
    QVERIFY(forget->isEnabled());
    forget->click();
    QVERIFY(models.lists().isEmpty());
    dialog.add_place(model_->path("nowhere"));
    QCOMPARE(places->topLevelItem(2)->text(1), QStringLiteral("folder of yours, not there"));
    QTRY_VERIFY_WITH_TIMEOUT(!models.looking(), kPatienceMs);
  }

  void without_a_comfyui_it_is_said_how_to_get_on() {
    qputenv("TWILL_COMFYUI", "");
    qputenv("HOME", model_->path("home").toUtf8());
    QSettings settings(model_->path("b.ini"), QSettings::IniFormat);
    ModelList models(settings);
    ModelsDialog dialog(models);
    models.look_again();
    auto* summary = dialog.findChild<QLabel*>(QStringLiteral("found_summary"));
    QTRY_COMPARE_WITH_TIMEOUT(
        summary->text(),
        QStringLiteral("&Found: 1 model(s), 1 ready\nNo ComfyUI was found in its usual places; add "
                       "its folder if you have one."),
        kPatienceMs);
  }

  void a_clip_from_a_picture_by_a_published_setting() {
    Stage stage(*this);
    QVERIFY(stage.found());
    auto* form = stage.child<ClipForm>("clip_form");
    QVERIFY(form->choose_model(comfy_ /
                               "models/diffusion_models/wan2.2_i2v_high_noise_tiny.safetensors"));
    auto* setting = stage.child<QComboBox>("setting");
    QCOMPARE(setting->currentText(), QStringLiteral("The model's own, 40 steps"));
    auto* note = stage.child<QLabel>("setting_note");
    QVERIFY(!note->isVisible());
    const int fast = setting->findText(QStringLiteral("Fast, with a step-distilled LoRA, 4 steps"));
    setting->setCurrentIndex(fast);
    Q_EMIT setting->activated(fast);
    QVERIFY(note->isVisible());
    QCOMPARE(stage.child<QSpinBox>("steps")->value(), 4);
    QCOMPARE(stage.child<QDoubleSpinBox>("shift")->value(), 5.0);
    QCOMPARE(stage.child<QDoubleSpinBox>("cfg")->value(), 1.0);
    QCOMPARE(stage.child<QComboBox>("sampler")->currentText(), QStringLiteral("euler"));
    const auto lora = comfy_ / "models/loras/few_steps.safetensors";
    twill::tests::write_tiny_lora(lora);
    drop(form->findChild<LoraList*>(), path_to_qt(lora));
    QVERIFY(!note->isVisible());
    // A setting of a size brings it, upright where the clip is.
    stage.child<QSpinBox>("height")->setValue(1280);
    stage.child<QSpinBox>("width")->setValue(720);
    const int small = setting->findText(QStringLiteral("Published for 832 x 480, 40 steps"));
    setting->setCurrentIndex(small);
    Q_EMIT setting->activated(small);
    QCOMPARE(stage.child<QSpinBox>("height")->value(), 832);
    QCOMPARE(stage.child<QSpinBox>("width")->value(), 480);
    QCOMPARE(stage.child<QDoubleSpinBox>("shift")->value(), 3.0);
    setting->setCurrentIndex(fast);
    Q_EMIT setting->activated(fast);
    QImage red(96, 64, QImage::Format_RGB32);
    red.fill(Qt::red);
    QVERIFY(red.save(model_->path("red.png")));
    drop(form->findChildren<PictureEdit*>().at(0), model_->path("red.png"));
    form->set_prompt(QStringLiteral("a b"));
    stage.child<QSpinBox>("width")->setValue(96);
    stage.child<QSpinBox>("height")->setValue(64);
    stage.child<QSpinBox>("frames")->setValue(9);
    QCOMPARE(setting->currentIndex(), fast);
    auto* cost = stage.child<QLabel>("cost");
    const bool told = QTest::qWaitFor(
        [&] { return cost->text().startsWith(QStringLiteral("72 tokens, density 1.00: about ")); },
        20000);
    QVERIFY2(told, qPrintable(cost->text()));
    QVERIFY2(cost->text().contains(QStringLiteral("VAE")), qPrintable(cost->text()));
    auto* generate = stage.child<QPushButton>("generate");
    QVERIFY(generate->isEnabled());
    QTest::mouseClick(generate, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(stage.page->queue().state(0) != RequestState::kRunning, kPatienceMs);
    QVERIFY2(stage.page->queue().clip(0), qPrintable(stage.page->queue().failure(0)));
    const report::ClipRecord& record = stage.page->queue().clip(0)->record;
    QCOMPARE(*record.clip.steps, 4);
    QCOMPARE(*record.clip.shift, 5.0);
    QVERIFY(record.image.starts_with("red.png "));
    QCOMPARE(record.loras.size(), std::size_t{1});
    QCOMPARE(record.model, std::string("wan2.2_i2v_high_noise_tiny"));
    QCOMPARE(stage.page->queue().clip(0)->frames->frames, 9);
  }

  // Nothing is loaded unasked to say how long a clip will take, and no number stands for it.
  void a_large_model_is_measured_when_the_user_asks() {
    Stage stage(*this);
    stage.page->costs().set_most_unasked(0);
    QVERIFY(stage.found());
    auto* cost = stage.child<QLabel>("cost");
    auto* measure = stage.child<QPushButton>("measure");
    QTRY_VERIFY_WITH_TIMEOUT(
        cost->text().startsWith(QStringLiteral("576 tokens, density 1.00: time not known, ")),
        kPatienceMs);
    QVERIFY2(cost->text().endsWith(QStringLiteral(" GB of memory")), qPrintable(cost->text()));
    QVERIFY(measure->isVisible());
    QTest::mouseClick(measure, Qt::LeftButton);
    QVERIFY(!measure->isVisible());
    QTRY_VERIFY_WITH_TIMEOUT(
        cost->text().startsWith(QStringLiteral("576 tokens, density 1.00: about ")), kPatienceMs);
    // It is known from then on.
    stage.child<QSpinBox>("frames")->setValue(17);
    QTRY_VERIFY_WITH_TIMEOUT(
        cost->text().startsWith(QStringLiteral("320 tokens, density 1.00: about ")), kPatienceMs);
    QVERIFY(!measure->isVisible());
  }

  void a_lora_that_fits_nothing_is_told_before_the_clip() {
    Stage stage(*this);
    QVERIFY(stage.found());
    auto* cost = stage.child<QLabel>("cost");
    stage.child<ClipForm>("clip_form")
        ->findChild<LoraList*>()
        ->add({path_to_qt(model_->demo() / "vae.safetensors")});
    QTRY_VERIFY_WITH_TIMEOUT(cost->text().contains(QStringLiteral("vae.safetensors")), kPatienceMs);
    QVERIFY2(!cost->text().contains(QStringLiteral("tokens, ")), qPrintable(cost->text()));
  }

  void what_a_gpu_holds_is_said() {
    ClipCost cost{.tokens = 75600, .density = 0.3};
    cost.memory.device = jobs::DeviceNeed{.limit = 22'500'000'000,
                                          .taken = 21'900'000'000,
                                          .forward = 8'100'000'000,
                                          .layers = 40,
                                          .resident = 17,
                                          .host = 28'000'000'000};
    QCOMPARE(describe(cost),
             QStringLiteral("75,600 tokens, density 0.30: time not known, 21.9 of 22.5 GB of the "
                            "GPU, 17 of 40 layers stay there, 28.0 GB of memory hold the layers"));
    cost.memory.device->vae_tiles = 2;
    QVERIFY(describe(cost).endsWith(
        QStringLiteral("28.0 GB of memory hold the layers, the VAE works in 2 tiles")));
    cost.memory.device->from_file = 4;
    QVERIFY(describe(cost).endsWith(
        QStringLiteral("28.0 GB of memory hold the layers but 4, which are read from the file at "
                       "every step, the VAE works in 2 tiles")));
    cost.memory.device->from_file = 0;
    cost.memory.device->vae_tiles = 1;
    cost.memory.device->host = 0;
    cost.memory.device->resident = 40;
    cost.time = jobs::ClipEstimate{.seconds = 400, .dense_seconds = 390, .vae_seconds = 10};
    QCOMPARE(describe(cost),
             QStringLiteral("75,600 tokens, density 0.30: about 6 min 40 s (dense 6 min 30 s, VAE "
                            "10 s), 21.9 of 22.5 GB of the GPU, all layers stay there"));
  }

 private:
  // The page by itself, with ComfyUI's model and the demo model.
  struct Stage : tests::PageStage<GeneratePage> {
    explicit Stage(const TestFirstClip& test) : PageStage(test.model_->path("studio.ini")) {
      show(1200, 840);
    }
    bool found() {
      return QTest::qWaitFor([this] { return child<ClipForm>("clip_form")->facts().has_value(); },
                             kPatienceMs);
    }
  };

  std::unique_ptr<tests::StudioModel> model_;
  std::filesystem::path comfy_;
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestFirstClip)
#include "test_first_clip.moc"
