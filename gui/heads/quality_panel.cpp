// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/quality_panel.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QScopedValueRollback>
#include <QSignalBlocker>
#include <QSlider>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "base/chart.h"
#include "base/text.h"
#include "base/theme.h"
#include "plan/plan_document.h"
#include "plan/quality_solver.h"

namespace twill::gui {
namespace {

constexpr int kSliderSteps = 1000;

QString numbers_text(const PlanNumbers& now, const PrecisionCounts& precision, const QString& psnr,
                     const Predictor& predictor) {
  QString text = QualityPanel::tr("<b>density %1 %</b>").arg(now.density * 100.0, 0, 'f', 1);
  if (now.attention_share) {
    text += QualityPanel::tr(" &nbsp; attention time %1 % of dense")
                .arg(*now.attention_share * 100.0, 0, 'f', 1);
  }
  text += QualityPanel::tr(" &nbsp; predicted error %1").arg(now.error, 0, 'g', 4);
  if (now.unmeasured > 0) {
    text += QualityPanel::tr(" (without %n head(s) whose pattern was not measured)", nullptr,
                             static_cast<int>(now.unmeasured));
  }
  if (precision.int8 > 0) {
    text += QualityPanel::tr(" &nbsp; int8: %1 of %2 heads")
                .arg(precision.int8)
                .arg(precision.with_keys);
  }
  text += psnr;
  return text + QualityPanel::tr("<br>for %1").arg(to_qt(predictor.run().description));
}

}  // namespace

QualityPanel::QualityPanel(PlanDocument& document, QualitySolver& solver, const Theme& theme,
                           QWidget* parent)
    : QWidget(parent), document_(document), solver_(solver), theme_(theme) {
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  auto* column = new QVBoxLayout;
  auto* scale = new QHBoxLayout;
  scale->addWidget(new QLabel(tr("Faster"), this));
  slider_ = new QSlider(Qt::Horizontal, this);
  slider_->setObjectName(QStringLiteral("quality"));
  slider_->setAccessibleName(tr("Speed or quality"));
  scale->addWidget(slider_, 1);
  scale->addWidget(new QLabel(tr("Better"), this));
  column->addLayout(scale);
  numbers_ = new QLabel(this);
  numbers_->setObjectName(QStringLiteral("numbers"));
  numbers_->setWordWrap(true);
  column->addWidget(numbers_);
  note_ = new QLabel(this);
  note_->setObjectName(QStringLiteral("quality_note"));
  note_->setWordWrap(true);
  column->addWidget(note_);
  column->addStretch(1);
  row->addLayout(column, 3);
  front_ = new Chart(theme, tr("density, % of dense"), tr("predicted error"), this);
  front_->set_log_y(true);
  front_->setObjectName(QStringLiteral("front"));
  row->addWidget(front_, 2);

  slider_->installEventFilter(this);
  connect(slider_, &QSlider::valueChanged, this, &QualityPanel::moved);
  connect(slider_, &QSlider::sliderPressed, this, [this] { ++gesture_; });
  connect(slider_, &QSlider::sliderReleased, this, [this] { ++gesture_; });
  connect(front_, &Chart::picked, this, [this](int /*series*/, int point) {
    solver_.set_quality(solver_.front().at(static_cast<std::size_t>(point)).quality, ++gesture_);
  });
  connect(&document_, &PlanDocument::replaced, this, [this] {
    take_points();
    take_measured();
  });
  connect(&document_, &PlanDocument::changed, this, [this] {
    gesture_ += moving_ ? 0 : 1;
    refresh();
  });
  connect(&document_, &PlanDocument::measured_changed, this, [this] {
    take_measured();
    refresh();
  });
  connect(&solver_, &QualitySolver::prepared, this, [this] {
    take_measured();
    draw_front();
    refresh();
  });
  connect(&solver_, &QualitySolver::failed, this,
          [this](const QString& sentence) { note_->setText(sentence); });
  take_points();
  take_measured();
  draw_front();
  refresh();
}

void QualityPanel::take_points() {
  const std::shared_ptr<const Plan> plan = document_.plan();
  points_.clear();
  if (plan && !plan->profile) {
    points_ = stored_points(document_.file(), plan->model);
  }
  const QSignalBlocker quiet(slider_);
  const int last = points_.empty() ? kSliderSteps : static_cast<int>(points_.size()) - 1;
  slider_->setRange(0, last);
  slider_->setSingleStep(points_.empty() ? kSliderSteps / 100 : 1);
  slider_->setPageStep(points_.empty() ? kSliderSteps / 10 : 1);
  slider_->setTickPosition(points_.empty() ? QSlider::NoTicks : QSlider::TicksBelow);
}

void QualityPanel::take_measured() {
  const std::shared_ptr<const Predictor> predictor = solver_.predictor();
  error_one_ = predictor ? psnr_of_error_one(document_.measured(), *predictor) : std::nullopt;
}

QString QualityPanel::psnr_text(const Plan& plan, const PlanNumbers* numbers) const {
  if (const std::optional<SaidPsnr> said = measured_psnr(document_.measured(), plan)) {
    return tr(" &nbsp; <b>PSNR %1 dB</b>, measured on %n clip(s)", nullptr, said->clips)
        .arg(said->psnr_db, 0, 'f', 1);
  }
  if (!error_one_ || !numbers || numbers->unmeasured > 0 || numbers->error <= 0.0) {
    return {};
  }
  return tr(" &nbsp; PSNR about %1 dB, from %n measured clip(s) of other plans", nullptr,
            error_one_->clips)
      .arg(error_one_->psnr_db - 10.0 * std::log10(numbers->error), 0, 'f', 1);
}

// Keys and the wheel are one gesture until something else is done.
bool QualityPanel::eventFilter(QObject* watched, QEvent* event) {
  if (watched == slider_ &&
      (event->type() == QEvent::FocusIn || event->type() == QEvent::FocusOut)) {
    ++gesture_;
  }
  return QWidget::eventFilter(watched, event);
}

void QualityPanel::moved(int value) {
  const QScopedValueRollback moving(moving_, true);  // `refresh` follows within
  if (!points_.empty()) {
    const StoredPoint& point = points_.at(static_cast<std::size_t>(value));
    document_.edit(tr("Stored plan %1").arg(to_qt(point.plan->name)), *point.plan, gesture_);
    return;
  }
  solver_.set_quality(static_cast<double>(value) / kSliderSteps, gesture_);
  std::erase_if(places_, [](const auto& place) { return place.first.expired(); });
  places_[document_.plan()] = value;
}

// Where the plan stands. A plan that the slider made has the place that it was made at: its density
// is that of the nearest point that can be had, which may lie beside it.
void QualityPanel::place_slider() {
  if (moving_ || slider_->isSliderDown()) {
    return;  // under the user's hand it stays where it was put
  }
  const auto place = places_.find(document_.plan());
  const QSignalBlocker quiet(slider_);
  slider_->setValue(place != places_.end() ? place->second
                                           : static_cast<int>(std::lround(
                                                 solver_.quality().value_or(0.0) * kSliderSteps)));
}

void QualityPanel::draw_front() {
  ChartSeries series{.name = tr("front"), .colour = theme_.colours().muted, .line = true};
  for (const search::FrontPoint& point : solver_.front()) {
    series.points.emplace_back(point.density * 100.0, point.predicted_error);
    series.tool_tips.push_back(tr("quality %1 %: density %2 %, predicted error %3")
                                   .arg(qRound(point.quality * 100))
                                   .arg(point.density * 100.0, 0, 'f', 1)
                                   .arg(point.predicted_error, 0, 'g', 4));
  }
  front_->set_series({std::move(series)});
}

void QualityPanel::refresh() {
  const std::shared_ptr<const Plan> plan = document_.plan();
  const std::optional<PlanNumbers> now = solver_.numbers();
  slider_->setEnabled(solver_.can_solve() || points_.size() > 1);
  if (!now) {
    numbers_->clear();
    front_->set_marker({});
    if (plan && !plan->profile) {
      refresh_without_profile(*plan);
      return;
    }
    QString why = tr("No plan is open.");
    if (plan && plan->profile) {
      why = tr("Predicted numbers are being prepared...");
    }
    note_->setText(why);
    front_->set_empty_text(why);
    return;
  }
  note_->setText(solver_.can_solve() ? QString() : tr("The solver is being prepared..."));
  numbers_->setText(
      numbers_text(*now, precision_counts(*plan), psnr_text(*plan, &*now), *solver_.predictor()));
  front_->set_marker(QPointF(now->density * 100.0, now->error), tr("this plan"));
  place_slider();
}

void QualityPanel::refresh_without_profile(const Plan& plan) {
  QString why = tr(
      "This plan holds no profile, so its time and error cannot be predicted and the slider cannot "
      "solve for other settings. A search makes a plan with a profile: the Search page, or twill "
      "search on the command line.");
  front_->set_empty_text(why);
  if (points_.size() > 1) {
    why =
        tr("This plan holds no profile: the slider goes through the %n stored plan(s) of its "
           "folder. A search on your own weights makes one with a profile.",
           nullptr, static_cast<int>(points_.size()));
  }
  note_->setText(why);
  const std::optional<std::size_t> at = stored_point_of(points_, plan);
  if (!at) {
    return;
  }
  const StoredPoint& point = points_[*at];
  QString text = tr("<b>%1: density %2 %</b> as stated")
                     .arg(to_qt(point.plan->name).toHtmlEscaped())
                     .arg(point.density * 100.0, 0, 'f', 1);
  if (const auto measured = plan.provenance.find("measured"); measured != plan.provenance.end()) {
    text += tr("<br>measured: %1").arg(to_qt(measured->second).toHtmlEscaped());
  }
  numbers_->setText(text + psnr_text(plan, nullptr));
  const QSignalBlocker quiet(slider_);
  slider_->setValue(static_cast<int>(*at));
}

}  // namespace twill::gui
