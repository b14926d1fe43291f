// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "base/chart.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/theme.h"

namespace twill::gui {
namespace {

constexpr double kLeft = 46.0, kRight = 12.0, kTop = 20.0, kBottom = 34.0;
constexpr double kDot = 3.5;
constexpr double kReach = 9.0;  // pixels from a point that still pick it

// 1, 2 or 5 times a power of ten, for about `most` steps.
double nice_step(double length, int most) {
  const double raw = length / most;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power) {
      return factor * power;
    }
  }
  return 10.0 * power;
}

}  // namespace

Chart::Chart(const Theme& theme, const QString& x_title, const QString& y_title, QWidget* parent)
    : QWidget(parent), theme_(theme), x_title_(x_title), y_title_(y_title) {
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("%1 over %2").arg(y_title, x_title));
  connect(&theme_, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void Chart::set_series(std::vector<ChartSeries> series) {
  series_ = std::move(series);
  focused_ = {};
  fit();
  update();
}

void Chart::set_marker(const std::optional<QPointF>& marker, const QString& text) {
  marker_ = marker;
  marker_text_ = text;
  fit();
  update();
}

void Chart::set_log_y(bool log) {
  log_y_ = log;
  update();
}

void Chart::set_empty_text(const QString& text) {
  empty_text_ = text;
  update();
}

void Chart::fit() {
  double right = 0.0, top = 0.0;
  least_y_ = 0.0;
  const auto grow = [&](const QPointF& point) {
    right = std::max(right, point.x());
    top = std::max(top, point.y());
    if (point.y() > 0.0 && (least_y_ == 0.0 || point.y() < least_y_)) {
      least_y_ = point.y();
    }
  };
  for (const ChartSeries& series : series_) {
    std::for_each(series.points.begin(), series.points.end(), grow);
  }
  if (marker_) {
    grow(*marker_);
  }
  range_ = QRectF(0.0, 0.0, right > 0.0 ? right * 1.03 : 1.0, top > 0.0 ? top * 1.08 : 1.0);
}

QRectF Chart::plot() const { return QRectF(rect()).adjusted(kLeft, kTop, -kRight, -kBottom); }

QPointF Chart::to_screen(const QPointF& value) const {
  const QRectF area = plot();
  return {area.left() + (value.x() - range_.left()) / range_.width() * area.width(),
          area.bottom() - height_of(value.y()) * area.height()};
}

double Chart::height_of(double y) const {
  if (!log_y_ || least_y_ <= 0.0) {
    return y / range_.bottom();
  }
  const double low = std::log10(least_y_ / 2.0), high = std::log10(range_.bottom() * 1.2);
  return (std::log10(std::max(y, least_y_ / 2.0)) - low) / (high - low);
}

std::vector<double> Chart::y_ticks() const {
  std::vector<double> ticks;
  if (log_y_ && least_y_ > 0.0) {
    const int low = static_cast<int>(std::ceil(std::log10(least_y_ / 2.0)));
    const int high = static_cast<int>(std::floor(std::log10(range_.bottom() * 1.2)));
    for (int power = low; power <= high; ++power) {
      ticks.push_back(std::pow(10.0, power));
    }
    return ticks;
  }
  const int most = std::max(2, static_cast<int>(plot().height() / 30));
  const double step = nice_step(range_.height(), most);
  for (int i = 0; i * step <= range_.bottom(); ++i) {
    ticks.push_back(i * step);
  }
  return ticks;
}

void Chart::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const ThemeColours& colours = theme_.colours();
  painter.fillRect(rect(), colours.panel);
  const bool empty = std::all_of(series_.begin(), series_.end(),
                                 [](const ChartSeries& series) { return series.points.empty(); });
  if (empty) {
    painter.setPen(colours.muted);
    painter.drawText(rect().adjusted(12, 8, -12, -8), Qt::AlignCenter | Qt::TextWordWrap,
                     empty_text_);
    return;
  }
  const QRectF area = plot();
  QFont small = font();
  small.setPointSizeF(small.pointSizeF() * 0.85);
  painter.setFont(small);
  const double x_step = nice_step(range_.width(), std::max(2, static_cast<int>(area.width() / 60)));
  for (double x = 0.0; x <= range_.right(); x += x_step) {
    const double at = to_screen({x, 0.0}).x();
    painter.setPen(colours.border);
    painter.drawLine(QPointF(at, area.top()), QPointF(at, area.bottom()));
    painter.setPen(colours.muted);
    painter.drawText(QRectF(at - 30, area.bottom() + 1, 60, 15), Qt::AlignCenter,
                     QString::number(x, 'g', 3));
  }
  for (const double y : y_ticks()) {
    const double at = to_screen({0.0, y}).y();
    painter.setPen(colours.border);
    painter.drawLine(QPointF(area.left(), at), QPointF(area.right(), at));
    painter.setPen(colours.muted);
    painter.drawText(QRectF(0, at - 8, kLeft - 5, 16), Qt::AlignRight | Qt::AlignVCenter,
                     QString::number(y, 'g', 3));
  }
  painter.setPen(colours.muted);
  painter.drawText(QRectF(area.left(), height() - 17.0, area.width(), 16), Qt::AlignCenter,
                   x_title_);
  painter.drawText(QRectF(4, 2, width() - 8.0, 16), Qt::AlignLeft, y_title_);

  for (const ChartSeries& series : series_) {
    if (series.line && !series.points.empty()) {
      QPainterPath path(to_screen(series.points.front()));
      for (const QPointF& point : series.points) {
        path.lineTo(to_screen(point));
      }
      painter.setPen(QPen(series.colour, 2.0));
      painter.setBrush(Qt::NoBrush);
      painter.drawPath(path);
    }
    painter.setPen(QPen(colours.text, 0.6));
    for (std::size_t i = 0; i < series.points.size(); ++i) {
      painter.setBrush(series.colours.empty() ? series.colour : series.colours[i]);
      painter.drawEllipse(to_screen(series.points[i]), kDot, kDot);
    }
  }
  if (hasFocus() && focused_.series >= 0) {
    const auto& of = series_[static_cast<std::size_t>(focused_.series)];
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(colours.accent, 2.0));
    painter.drawEllipse(to_screen(of.points[static_cast<std::size_t>(focused_.point)]), kDot + 4,
                        kDot + 4);
  }
  if (marker_) {
    const QPointF at = to_screen(*marker_);
    painter.setPen(QPen(colours.panel, 2.0));
    painter.setBrush(colours.accent);
    painter.drawEllipse(at, 7.0, 7.0);
    painter.setPen(colours.text);
    const bool right = at.x() < area.center().x();
    painter.drawText(QRectF(right ? at.x() + 10 : at.x() - 170, at.y() - 20, 160, 16),
                     right ? Qt::AlignLeft : Qt::AlignRight, marker_text_);
  }
}

Chart::Hit Chart::hit_at(const QPointF& at) const {
  Hit nearest;
  double best = kReach * kReach;
  for (std::size_t s = 0; s < series_.size(); ++s) {
    for (std::size_t i = 0; i < series_[s].points.size(); ++i) {
      const QPointF away = to_screen(series_[s].points[i]) - at;
      const double distance = QPointF::dotProduct(away, away);
      if (distance < best) {
        best = distance;
        nearest = {.series = static_cast<int>(s), .point = static_cast<int>(i)};
      }
    }
  }
  return nearest;
}

void Chart::mousePressEvent(QMouseEvent* event) {
  const Hit hit = hit_at(event->position());
  if (event->button() == Qt::LeftButton && hit.series >= 0) {
    focused_ = hit;
    update();
    Q_EMIT picked(hit.series, hit.point);
  }
}

void Chart::keyPressEvent(QKeyEvent* event) {
  const int step = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
  if (step != 0 && !series_.empty() && !series_.back().points.empty()) {
    if (focused_.series < 0) {
      focused_ = {.series = static_cast<int>(series_.size()) - 1, .point = 0};
    } else {
      const auto& points = series_[static_cast<std::size_t>(focused_.series)].points;
      focused_.point = std::clamp(focused_.point + step, 0, static_cast<int>(points.size()) - 1);
    }
    update();
    return;
  }
  if ((event->key() == Qt::Key_Return || event->key() == Qt::Key_Space) && focused_.series >= 0) {
    Q_EMIT picked(focused_.series, focused_.point);
    return;
  }
  QWidget::keyPressEvent(event);
}

bool Chart::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    const Hit hit = hit_at(help->pos());
    QString text;
    if (hit.series >= 0) {
      const auto& of = series_[static_cast<std::size_t>(hit.series)];
      const auto point = static_cast<std::size_t>(hit.point);
      text = of.tool_tips.empty() ? QStringLiteral("%1, %2")
                                        .arg(of.points[point].x(), 0, 'g', 3)
                                        .arg(of.points[point].y(), 0, 'g', 3)
                                  : of.tool_tips[point];
    }
    QToolTip::showText(help->globalPos(), text, this);
    return true;
  }
  return QWidget::event(event);
}

}  // namespace twill::gui
