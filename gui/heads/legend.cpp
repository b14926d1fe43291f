// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/legend.h"

#include <QPainter>
#include <algorithm>

#include "base/theme.h"
#include "heads/heads_model.h"

namespace twill::gui {
namespace {

constexpr double kSwatch = 12.0;
constexpr double kLine = 18.0;

void paint_patterns(QPainter& painter, const QRectF& area, const ThemeColours& colours) {
  double widest = 0.0;
  for (const auto& [kind, name] : kPatternNames) {
    widest = std::max(
        widest, static_cast<double>(painter.fontMetrics().horizontalAdvance(pattern_title(kind))));
  }
  const double column = kSwatch + widest + 18.0;
  const int across = std::max(1, static_cast<int>(area.width() / column));
  int place = 0;
  for (const auto& [kind, name] : kPatternNames) {
    const QPointF at(area.left() + (place % across) * column,
                     area.top() + (place / across) * kLine + 2.0);
    painter.fillRect(QRectF(at, QSizeF(kSwatch, kSwatch)), pattern_colour(kind));
    painter.setPen(colours.border);
    painter.drawRect(QRectF(at, QSizeF(kSwatch, kSwatch)));
    painter.setPen(colours.text);
    painter.drawText(QRectF(at.x() + kSwatch + 5, at.y() - 2, widest + 8, kLine),
                     Qt::AlignLeft | Qt::AlignVCenter, pattern_title(kind));
    ++place;
  }
}

}  // namespace

void paint_legend(QPainter& painter, const HeadsModel& model, const Theme& theme,
                  const QRectF& area) {
  if (model.measure() == HeadMeasure::kPattern) {
    paint_patterns(painter, area, theme.colours());
    return;
  }
  if (!model.predictor()) {
    painter.setPen(theme.colours().muted);
    painter.drawText(
        area, Qt::AlignLeft | Qt::TextWordWrap,
        HeadsModel::tr("%1 is not known without a profile.").arg(measure_title(model.measure())));
    return;
  }
  const double width = std::min(area.width(), 260.0);
  for (double x = 0.0; x < width; x += 2.0) {
    painter.fillRect(QRectF(area.left() + x, area.top(), 2.0, kSwatch), ramp_colour(x / width));
  }
  painter.setPen(theme.colours().text);
  const QRectF line(area.left(), area.top() + kSwatch + 1.0, width, kLine);
  painter.drawText(line, Qt::AlignLeft, QStringLiteral("0"));
  painter.drawText(line, Qt::AlignHCenter, measure_title(model.measure()));
  painter.drawText(line, Qt::AlignRight, QString::number(model.measure_most(), 'g', 3));
}

Legend::Legend(const HeadsModel& model, const Theme& theme, QWidget* parent)
    : QWidget(parent), model_(model), theme_(theme) {
  connect(&model_, &QAbstractItemModel::dataChanged, this, qOverload<>(&QWidget::update));
  connect(&model_, &QAbstractItemModel::modelReset, this, qOverload<>(&QWidget::update));
}

void Legend::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  paint_legend(painter, model_, theme_, QRectF(rect()).adjusted(2, 2, -2, -2));
}

}  // namespace twill::gui
