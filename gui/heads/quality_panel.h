// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The speed-quality slider, the numbers of the plan as it stands, and the front of what can be had.
// Without a profile the slider goes from one stored plan of the model to the next.
#pragma once

#include <QWidget>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "plan/measured_quality.h"
#include "plan/stored_points.h"
#include "twill/search/ledger.h"

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

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void refresh();
  void refresh_without_profile(const Plan& plan);
  void take_points();
  void take_measured();
  QString psnr_text(const Plan& plan, const search::PlanNumbers* numbers) const;
  void draw_front();
  void moved(int value);
  void place_slider();

  PlanDocument& document_;
  QualitySolver& solver_;
  const Theme& theme_;
  QSlider* slider_ = nullptr;
  QLabel *numbers_ = nullptr, *note_ = nullptr;
  Chart* front_ = nullptr;
  std::optional<SaidPsnr> error_one_;  // see psnr_of_error_one
  std::vector<StoredPoint> points_;    // empty for a plan with a profile
  int gesture_ = 0;                    // moves of one gesture are one undo step
  bool moving_ = false;                // the plan changes because the slider does
  // Where the slider stood for the plans that it made, as long as undo can bring them back.
  std::map<std::weak_ptr<const Plan>, int, std::owner_less<>> places_;
};

}  // namespace twill::gui
