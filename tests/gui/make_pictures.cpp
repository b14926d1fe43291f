// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// make_pictures PLAN FOLDER: every page of Twill Studio with this plan open, light and dark, as PNG
// files; then the page Generate with a small random image-to-video model of a ComfyUI folder, a
// LoRA and a start picture, and the dialog Models, both from files that it writes into the working
// folder. Run it where there is a display (Xvfb will do):
// it grabs what the screen shows.

#include <QApplication>
#include <QComboBox>
#include <QDir>
#include <QElapsedTimer>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QScreen>
#include <QSettings>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTest>
#include <QTreeWidget>
#include <cstdio>
#include <filesystem>

#include "app/main_window.h"
#include "app/page_list.h"
#include "app/translations.h"
#include "base/model_list.h"
#include "base/theme.h"
#include "generate/clip_form.h"
#include "generate/generate_page.h"
#include "generate/lora_list.h"
#include "generate/models_dialog.h"
#include "generate/picture_edit.h"
#include "heads/compare_page.h"
#include "heads/heads_page.h"
#include "jobs/tiny_model.h"
#include "plan/plan_document.h"

namespace {

namespace fs = std::filesystem;
using namespace twill::gui;

constexpr int kPatienceMs = 60000;
constexpr double kOtherQuality = 0.1;  // of the second plan on the page Compare

bool save(QWidget& window, const QString& file) {
  QTest::qWait(300);
  const QPixmap seen = window.screen()->grabWindow(window.winId());
  const QImage small = seen.toImage();
  if (!small.save(file, "PNG", 0)) {
    std::fprintf(stderr, "%s: cannot be written\n", qPrintable(file));
    return false;
  }
  std::printf("%s %dx%d\n", qPrintable(file), small.width(), small.height());
  return true;
}

QString picture_name(const QString& folder, const QString& id, ThemeKind kind) {
  return QStringLiteral("%1/%2-%3.png")
      .arg(folder, id, kind == ThemeKind::kDark ? QStringLiteral("dark") : QStringLiteral("light"));
}

constexpr ThemeKind kThemes[] = {ThemeKind::kLight, ThemeKind::kDark};

// A hill under an evening sky.
void paint_start(const QString& file) {
  QImage image(832, 480, QImage::Format_RGB32);
  QPainter painter(&image);
  painter.setRenderHint(QPainter::Antialiasing);
  QLinearGradient sky(0, 0, 0, 380);
  sky.setColorAt(0, QColor(38, 60, 110));
  sky.setColorAt(1, QColor(245, 170, 110));
  painter.fillRect(image.rect(), sky);
  painter.setPen(Qt::NoPen);
  painter.setBrush(QColor(255, 225, 150));
  painter.drawEllipse(QPoint(590, 250), 60, 60);
  painter.setBrush(QColor(40, 82, 66));
  painter.drawEllipse(QRect(-200, 300, 900, 500));
  painter.setBrush(QColor(24, 56, 52));
  painter.drawEllipse(QRect(330, 350, 900, 500));
  painter.end();
  image.save(file);
}

// One model is whole, the other lacks what ComfyUI's users know by name.
void write_comfy(const fs::path& comfy) {
  twill::tests::write_tiny_comfy(comfy, {.from_pictures = true});
  twill::tests::write_tiny_lora(comfy / "models/loras/few_steps_high_noise.safetensors");
  const fs::path other = comfy.parent_path() / "other";
  twill::tests::write_tiny_comfy(other, {.first_frame = true});
  fs::copy_file(other / "models/diffusion_models/wan2.1_t2v_tiny.safetensors",
                comfy / "models/diffusion_models/wan2.2_ti2v_tiny.safetensors");
}

bool wait_for_cost(QWidget& window) {
  auto* cost = window.findChild<QLabel*>(QStringLiteral("cost"));
  if (QTest::qWaitFor([&] { return cost->text().contains(QStringLiteral("about")); },
                      kPatienceMs)) {
    return true;
  }
  std::fprintf(stderr, "the time of a clip did not come: %s\n", qPrintable(cost->text()));
  return false;
}

bool make_clip(GeneratePage& page, QWidget& widget, const fs::path& comfy, const QString& start) {
  auto* form = widget.findChild<ClipForm*>();
  const auto wait = [](const auto& ready) { return QTest::qWaitFor(ready, kPatienceMs); };
  if (!wait([&] { return form->facts().has_value(); }) ||
      !form->choose_model(comfy /
                          "models/diffusion_models/wan2.2_i2v_high_noise_tiny.safetensors")) {
    return false;
  }
  auto* setting = widget.findChild<QComboBox*>(QStringLiteral("setting"));
  const int fast = setting->findText(QStringLiteral("4 steps"), Qt::MatchEndsWith);
  setting->setCurrentIndex(fast);
  Q_EMIT setting->activated(fast);
  form->set_prompt(QStringLiteral("the sun sets behind the hills"));
  form->set_seed(7);
  form->findChildren<PictureEdit*>().at(0)->set_file(start);
  form->findChild<LoraList*>()->set_loras(
      {{.file = comfy / "models/loras/few_steps_high_noise.safetensors",
        .strength = 0.9,
        .expert = "high_noise"}});
  const std::pair<const char*, int> numbers[] = {{"width", 256}, {"height", 144}, {"frames", 17}};
  for (const auto& [name, value] : numbers) {
    widget.findChild<QSpinBox*>(QString::fromLatin1(name))->setValue(value);
  }
  auto* generate = widget.findChild<QPushButton*>(QStringLiteral("generate"));
  if (!wait_for_cost(widget)) {
    return false;
  }
  generate->click();
  return wait([&] { return page.queue().clip(0) != nullptr; });
}

int draw_first_clip(Theme& theme, const QString& folder) {
  // In the working folder: its path is in the pictures.
  const fs::path comfy = fs::current_path() / "ComfyUI";
  write_comfy(comfy);
  const QString start = QDir::current().filePath(QStringLiteral("evening.png"));
  paint_start(start);
  qputenv("TWILL_COMFYUI", comfy.c_str());
  const QTemporaryDir scratch;
  QSettings settings(scratch.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat);
  PlanDocument document;
  const Session session{.theme = theme, .document = document, .settings = settings};
  std::vector<std::unique_ptr<Page>> pages = make_pages(session);
  GeneratePage* page = nullptr;
  for (const auto& each : pages) {
    page = page != nullptr ? page : qobject_cast<GeneratePage*>(each.get());
  }
  QWidget& widget = *page->widget();
  MainWindow window(session, std::move(pages));
  window.resize(1280, 900);
  window.show();
  window.show_page(page->id());
  if (!make_clip(*page, widget, comfy, start)) {
    std::fprintf(stderr, "the clip from a picture was not made\n");
    return 1;
  }
  ModelsDialog dialog(page->models(), &window);
  auto* found = dialog.findChild<QTreeWidget*>(QStringLiteral("found"));
  found->setCurrentItem(found->topLevelItem(found->topLevelItemCount() - 1));  // what lacks a part
  for (const ThemeKind kind : kThemes) {
    theme.set_kind(kind);
    if (!save(window, picture_name(folder, QStringLiteral("generate-picture"), kind))) {
      return 1;
    }
    dialog.show();
    if (!save(dialog, picture_name(folder, QStringLiteral("models"), kind))) {
      return 1;
    }
    dialog.hide();
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  if (argc != 3) {
    std::fprintf(stderr, "usage: make_pictures PLAN FOLDER\n");
    return 2;
  }
  Translations translations(application);
  translations.use(QStringLiteral("en"));
  const QTemporaryDir scratch;
  QSettings settings(scratch.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat);
  Theme theme(application);
  PlanDocument document;
  const Session session{.theme = theme, .document = document, .settings = settings};
  std::vector<std::unique_ptr<Page>> pages = make_pages(session);
  QStringList ids;
  for (const auto& page : pages) {
    ids.append(page->id());
  }
  auto* heads = qobject_cast<HeadsPage*>(pages.front().get());
  ComparePage* compare = nullptr;
  for (const auto& page : pages) {
    compare = compare ? compare : qobject_cast<ComparePage*>(page.get());
  }
  MainWindow window(session, std::move(pages));
  window.resize(1280, 840);
  window.show();
  if (!window.open_plan(QString::fromLocal8Bit(argv[1]))) {
    return 1;
  }
  if (heads == nullptr ||
      !QTest::qWaitFor([&] { return heads->solver().can_solve(); }, kPatienceMs)) {
    std::fprintf(stderr, "the numbers of the plan did not come\n");
    return 1;
  }
  const QString folder = QString::fromLocal8Bit(argv[2]);
  QDir().mkpath(folder);
  for (const ThemeKind kind : kThemes) {
    theme.set_kind(kind);
    for (const QString& id : ids) {
      window.show_page(id);
      if (id == QStringLiteral("generate") && !wait_for_cost(window)) {
        return 1;
      }
      const bool two_plans = compare != nullptr && id == compare->id();
      if (two_plans) {
        compare->keep_current();
        heads->solver().set_quality(kOtherQuality);
      }
      if (!save(window, picture_name(folder, id, kind))) {
        return 1;
      }
      if (two_plans) {
        document.undo_stack().undo();
      }
    }
  }
  window.hide();
  return draw_first_clip(theme, folder);
}
