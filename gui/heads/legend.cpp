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
constexpr int kMargin = 2;  // of the widget

struct Columns {
  double title = 0.0;   // widest, in pixels
  double column = 0.0;  // with its swatch and gap
  int across = 1;
};

Columns columns_in(double width, const QFontMetrics& font) {
  Columns columns;
  for (const auto& [kind, name] : kPatternNames) {
    columns.title =
        std::max(columns.title, static_cast<double>(font.horizontalAdvance(pattern_title(kind))));
  }
  columns.column = kSwatch + columns.title + 18.0;
  columns.across = std::max(1, static_cast<int>(width / columns.column));
  return columns;
}

void paint_patterns(QPainter& painter, const QRectF& area, const ThemeColours& colours) {
  const auto [widest, column, across] = columns_in(area.width(), painter.fontMetrics());
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
  QSizePolicy policy(QSizePolicy::Preferred, QSizePolicy::Minimum);
  policy.setHeightForWidth(true);
  setSizePolicy(policy);
  connect(&model_, &QAbstractItemModel::dataChanged, this, qOverload<>(&QWidget::update));
  connect(&model_, &QAbstractItemModel::modelReset, this, qOverload<>(&QWidget::update));
}

int Legend::heightForWidth(int width) const {
  const int across = columns_in(width - 2 * kMargin, fontMetrics()).across;
  const int lines = (static_cast<int>(kPatternNames.size()) + across - 1) / across;
  return std::max(minimumSizeHint().height(), static_cast<int>(lines * kLine) + 2 * kMargin + 2);
}

void Legend::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  paint_legend(painter, model_, theme_,
               QRectF(rect()).adjusted(kMargin, kMargin, -kMargin, -kMargin));
}

}  // namespace twill::gui
