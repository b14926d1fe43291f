// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The speed-quality slider, the numbers of the plan as it stands, and the front of what can be had.
#pragma once

#include <QWidget>

class QLabel;
class QSlider;

namespace twill::gui {

class Chart;
class PlanDocument;
class QualitySolver;
class Theme;

class QualityPanel : public QWidget {
  Q_OBJECT

 public:
  QualityPanel(PlanDocument& document, QualitySolver& solver, const Theme& theme,
               QWidget* parent = nullptr);

  QSlider& slider() { return *slider_; }
  Chart& front() { return *front_; }

 private:
  void refresh();
  void draw_front();
  void moved(int value);

  PlanDocument& document_;
  QualitySolver& solver_;
  const Theme& theme_;
  QSlider* slider_ = nullptr;
  QLabel *numbers_ = nullptr, *note_ = nullptr;
  Chart* front_ = nullptr;
};

}  // namespace twill::gui
