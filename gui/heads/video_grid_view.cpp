// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/video_grid_view.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/theme.h"

namespace twill::gui {
namespace {

constexpr double kGap = 4.0;       // pixels between frames
constexpr double kCaption = 14.0;  // above the frames

}  // namespace

VideoGridView::VideoGridView(const Theme& theme, QWidget* parent) : QWidget(parent), theme_(theme) {
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Attention in the video's grid"));
  connect(&theme_, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void VideoGridView::set_empty(const QString& reason) {
  map_ = {};
  empty_ = reason;
  update();
}

void VideoGridView::set_map(const HeadMap& map, const Pattern& pattern) {
  if (!map.cells) {
    set_empty(tr("The profile holds no attention maps."));
    return;
  }
  const bool other_grid = !map_.cells || !(map_.layout == map.layout);
  map_ = map;
  pattern_ = pattern;
  if (other_grid) {
    const TokenLayout& layout = map_.layout;
    token_ = layout.prefix + layout.grid_tokens() / 2 + layout.cols / 2;
  }
  stale_ = true;
  update();
}

void VideoGridView::set_token(int token) {
  if (!map_.cells) {
    return;
  }
  const TokenLayout& layout = map_.layout;
  token_ = std::clamp(token, layout.prefix, layout.prefix + layout.grid_tokens() - 1);
  stale_ = true;
  update();
}

void VideoGridView::draw() {
  const TokenLayout& layout = map_.layout;
  const int block = map_.block();
  const std::uint8_t* row = map_.cells.get() + static_cast<std::ptrdiff_t>(token_ / block) *
                                                   static_cast<std::ptrdiff_t>(map_.size);
  frames_.clear();
  const bool has_places = !pattern_.parts.empty();
  int key = layout.prefix;
  for (int frame = 0; frame < layout.frames; ++frame) {
    QImage image(layout.cols, layout.rows, QImage::Format_RGB32);
    for (int y = 0; y < layout.rows; ++y) {
      auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
      for (int x = 0; x < layout.cols; ++x, ++key) {
        QRgb colour = attention_colour(row[key / block] / 255.0);
        const bool kept = has_places ? keeps(pattern_, layout, token_, key)
                                     : pattern_.kind == PatternKind::kDense;
        if (!kept) {
          colour =
              qRgb((qRed(colour) + 60) / 3, (qGreen(colour) + 120) / 3, (qBlue(colour) + 280) / 3);
        }
        line[x] = colour;
      }
    }
    frames_.push_back(std::move(image));
  }
}

VideoGridView::Grid VideoGridView::grid() const {
  const TokenLayout& layout = map_.layout;
  Grid best;
  best.cell = 0.0;
  for (int across = 1; across <= layout.frames; ++across) {
    const int down = (layout.frames + across - 1) / across;
    const double cell =
        std::min((width() - kGap * (across + 1)) / (across * layout.cols),
                 (height() - (kGap + kCaption) * down - kGap) / (down * layout.rows));
    if (cell > best.cell) {
      best = {.across = across, .down = down, .cell = cell};
    }
  }
  best.origin = {(width() - best.across * (layout.cols * best.cell + kGap) + kGap) / 2.0,
                 kGap + kCaption};
  return best;
}

QRectF VideoGridView::token_rect(int token) const {
  const Grid of = grid();
  const TokenLayout& layout = map_.layout;
  const int place = token - layout.prefix;
  const int frame = place / layout.frame_tokens();
  const int in_frame = place % layout.frame_tokens();
  const double x = of.origin.x() + (frame % of.across) * (layout.cols * of.cell + kGap) +
                   (in_frame % layout.cols) * of.cell;
  const double y = of.origin.y() + (frame / of.across) * (layout.rows * of.cell + kGap + kCaption) +
                   (in_frame / layout.cols) * of.cell;
  return {x, y, of.cell, of.cell};
}

void VideoGridView::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  painter.fillRect(rect(), theme_.colours().panel);
  painter.setPen(theme_.colours().muted);
  if (!map_.cells) {
    painter.drawText(rect().adjusted(12, 12, -12, -12), Qt::AlignCenter | Qt::TextWordWrap, empty_);
    return;
  }
  // A hidden view costs nothing while the slider moves.
  if (std::exchange(stale_, false)) {
    draw();
  }
  const TokenLayout& layout = map_.layout;
  const Grid of = grid();
  QFont small = font();
  small.setPixelSize(10);
  painter.setFont(small);
  for (int frame = 0; frame < layout.frames; ++frame) {
    const QRectF first = token_rect(layout.prefix + frame * layout.frame_tokens());
    const QRectF area(first.topLeft(), QSizeF(layout.cols * of.cell, layout.rows * of.cell));
    painter.drawImage(area, frames_[static_cast<std::size_t>(frame)]);
    painter.drawText(QRectF(area.left(), area.top() - kCaption, area.width(), kCaption),
                     Qt::AlignLeft | Qt::AlignVCenter, QString::number(frame));
  }
  painter.setPen(QPen(theme_.colours().accent, 2.0));
  painter.drawRect(token_rect(token_).adjusted(-1, -1, 1, 1));
}

void VideoGridView::mousePressEvent(QMouseEvent* event) {
  if (!map_.cells) {
    return;
  }
  const Grid of = grid();
  const TokenLayout& layout = map_.layout;
  const QPointF at = event->position() - of.origin;
  const double wide = layout.cols * of.cell + kGap;
  const double high = layout.rows * of.cell + kGap + kCaption;
  const int across = static_cast<int>(std::floor(at.x() / wide));
  const int down = static_cast<int>(std::floor(at.y() / high));
  const int column = static_cast<int>(std::floor((at.x() - across * wide) / of.cell));
  const int row = static_cast<int>(std::floor((at.y() - down * high) / of.cell));
  const int frame = down * of.across + across;
  if (across < 0 || down < 0 || across >= of.across || frame >= layout.frames || row < 0 ||
      column < 0 || row >= layout.rows || column >= layout.cols) {
    return;
  }
  set_token(layout.prefix + frame * layout.frame_tokens() + row * layout.cols + column);
  Q_EMIT token_picked(token_);
}

void VideoGridView::keyPressEvent(QKeyEvent* event) {
  if (!map_.cells) {
    return QWidget::keyPressEvent(event);
  }
  const TokenLayout& layout = map_.layout;
  int step = 0;
  switch (event->key()) {
    case Qt::Key_Left:
      step = -1;
      break;
    case Qt::Key_Right:
      step = 1;
      break;
    case Qt::Key_Up:
      step = -layout.cols;
      break;
    case Qt::Key_Down:
      step = layout.cols;
      break;
    case Qt::Key_PageUp:
      step = -layout.frame_tokens();
      break;
    case Qt::Key_PageDown:
      step = layout.frame_tokens();
      break;
    default:
      return QWidget::keyPressEvent(event);
  }
  set_token(token_ + step);
  Q_EMIT token_picked(token_);
}

}  // namespace twill::gui
