// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The whole window with a plan that fills it, and its controls: what a user sees and uses.
#pragma once

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractSpinBox>
#include <QApplication>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QScrollBar>
#include <QSettings>
#include <QSlider>
#include <QTabBar>
#include <QTemporaryDir>
#include <QTest>
#include <QToolBar>

#include "app/main_window.h"
#include "app/page_list.h"
#include "base/chart.h"
#include "base/theme.h"
#include "gui/made_up_plan.h"
#include "heads/attention_view.h"
#include "heads/heads_map.h"
#include "heads/heads_page.h"
#include "heads/legend.h"
#include "heads/video_grid_view.h"
#include "plan/plan_document.h"
#include "player/clip_view.h"
#include "player/picture_view.h"

namespace twill::gui::tests {

// Two experts, two stacks and many segments: every bar of tabs is there and full.
inline Plan full_plan() {
  twill::tests::MadeUp of;
  of.stacks = {{.name = "double_blocks", .layers = 20, .heads = 24},
               {.name = "single_blocks", .layers = 40, .heads = 24}};
  of.experts = {"high_noise", "low_noise"};
  of.times = 4;
  of.map_size = 8;
  return twill::tests::make_plan(twill::tests::make_profile(of), 8);
}

class StudioWindow {
 public:
  StudioWindow() : settings_(folder_.filePath(QStringLiteral("s.ini")), QSettings::IniFormat) {
    std::vector<std::unique_ptr<Page>> pages = make_pages(session_);
    for (const auto& page : pages) {
      pages_.append(page->id());
      widgets_.append(page->widget());
    }
    auto* heads = qobject_cast<HeadsPage*>(pages.front().get());
    solver_ = &heads->solver();
    main_ = std::make_unique<MainWindow>(session_, std::move(pages));
  }

  MainWindow& main() { return *main_; }
  PlanDocument& document() { return document_; }
  Theme& theme() { return theme_; }
  const QStringList& pages() const { return pages_; }
  QWidget* page(const QString& id) const { return widgets_[pages_.indexOf(id)]; }
  // Waits until its numbers are there.
  bool take(Plan plan) {
    document_.take(std::make_shared<const Plan>(std::move(plan)), {}, false);
    return QTest::qWaitFor([this] { return solver_->can_solve(); }, 60000);
  }

 private:
  QTemporaryDir folder_;
  QSettings settings_;
  Theme theme_{*qApp};
  PlanDocument document_;
  Session session_{.theme = theme_, .document = document_, .settings = settings_};
  QStringList pages_;
  QList<QWidget*> widgets_;
  QualitySolver* solver_ = nullptr;
  std::unique_ptr<MainWindow> main_;
};

template <typename... Kinds>
bool is_any(const QWidget* widget) {
  return (... || (qobject_cast<const Kinds*>(widget) != nullptr));
}

// Parts of Qt's own widgets, such as the entry inside a spin box.
inline bool is_part(const QWidget* widget) {
  for (const QWidget* over = widget->parentWidget(); over != nullptr; over = over->parentWidget()) {
    if (is_any<QAbstractSpinBox, QComboBox, QTabBar, QAbstractItemView, QAbstractSlider>(over)) {
      return true;
    }
  }
  return qobject_cast<const QScrollBar*>(widget) != nullptr;
}

// What takes the keyboard.
inline bool is_control(const QWidget* widget) {
  return is_any<QAbstractButton, QAbstractItemView, QAbstractSpinBox, QAbstractSlider, QComboBox,
                QLineEdit, QPlainTextEdit, QTabBar, HeadsMap, Chart, AttentionView, VideoGridView>(
             widget) &&
         !is_part(widget);
}

// What is looked at.
inline bool is_shown_thing(const QWidget* widget) {
  if (const auto* label = qobject_cast<const QLabel*>(widget)) {
    return !label->text().isEmpty();
  }
  return is_any<QProgressBar, ClipView, PictureView, Legend>(widget);
}

inline QString name_of(const QWidget* widget) {
  QString text;
  if (const auto* button = qobject_cast<const QAbstractButton*>(widget)) {
    text = button->text();
  } else if (const auto* label = qobject_cast<const QLabel*>(widget)) {
    text = label->text().left(40);
  }
  return QStringLiteral("%1 %2 \"%3\" %4x%5")
      .arg(QString::fromLatin1(widget->metaObject()->className()), widget->objectName(), text)
      .arg(widget->width())
      .arg(widget->height());
}

}  // namespace twill::gui::tests
