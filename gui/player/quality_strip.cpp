// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "player/quality_strip.h"

#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>

#include "base/theme.h"

namespace twill::gui {
namespace {

constexpr int kMargin = 6;  // pixels

// Least and greatest finite value; equal ones are spread so that the line has a middle.
std::pair<double, double> range_of(const std::vector<double>& values) {
  double low = HUGE_VAL;
  double high = -HUGE_VAL;
  for (const double value : values) {
    if (std::isfinite(value)) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  return low < high ? std::pair(low, high) : std::pair(low - 1.0, low + 1.0);
}

}  // namespace

QualityStrip::QualityStrip(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("quality_strip"));
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void QualityStrip::set_quality(const media::FrameQuality& quality) {
  quality_ = quality;
  setVisible(!quality_.psnr_db.empty());
  update();
}

void QualityStrip::set_frame(int frame) {
  frame_ = frame;
  update();
}

double QualityStrip::x_of(std::size_t frame) const {
  const double last = std::max<double>(1.0, static_cast<double>(quality_.psnr_db.size()) - 1.0);
  return kMargin + static_cast<double>(frame) / last * (width() - 2 * kMargin);
}

void QualityStrip::draw_line(QPainter& painter, const std::vector<double>& values,
                             const QColor& colour) const {
  const auto [low, high] = range_of(values);
  QPainterPath path;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double share = std::isfinite(values[i]) ? (values[i] - low) / (high - low) : 1.0;
    const QPointF point(x_of(i), height() - kMargin - share * (height() - 2 * kMargin));
    i == 0 ? path.moveTo(point) : path.lineTo(point);
  }
  painter.setPen(QPen(colour, 1.5));
  painter.drawPath(path);
}

void QualityStrip::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.fillRect(rect(), palette().color(QPalette::Base));
  if (quality_.psnr_db.empty()) {
    return;
  }
  const QColor psnr = pattern_colour(PatternKind::kDiagonal);
  const QColor ssim = pattern_colour(PatternKind::kVerticalStripe);
  draw_line(painter, quality_.ssim, ssim);
  draw_line(painter, quality_.psnr_db, psnr);
  painter.setPen(palette().color(QPalette::Text));
  const double x = x_of(static_cast<std::size_t>(std::max(0, frame_)));
  painter.drawLine(QPointF(x, 0), QPointF(x, height()));
  const auto [low, high] = range_of(quality_.psnr_db);
  painter.setPen(psnr);
  painter.drawText(rect().adjusted(kMargin, 1, -kMargin, -1), Qt::AlignLeft | Qt::AlignTop,
                   tr("PSNR %1..%2 dB").arg(low, 0, 'f', 1).arg(high, 0, 'f', 1));
  const auto [low_ssim, high_ssim] = range_of(quality_.ssim);
  painter.setPen(ssim);
  painter.drawText(rect().adjusted(kMargin, 1, -kMargin, -1), Qt::AlignRight | Qt::AlignTop,
                   tr("SSIM %1..%2").arg(low_ssim, 0, 'f', 3).arg(high_ssim, 0, 'f', 3));
}

void QualityStrip::mousePressEvent(QMouseEvent* event) { choose(event->position().x()); }
void QualityStrip::mouseMoveEvent(QMouseEvent* event) { choose(event->position().x()); }

void QualityStrip::choose(double x) {
  if (quality_.psnr_db.empty()) {
    return;
  }
  const double last = static_cast<double>(quality_.psnr_db.size()) - 1.0;
  const double share = (x - kMargin) / std::max(1, width() - 2 * kMargin);
  Q_EMIT frame_chosen(static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * last)));
}

}  // namespace twill::gui
