// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "player/clip_view.h"

#include <QMouseEvent>
#include <QPainter>
#include <algorithm>
#include <cstdlib>

#include "twill/plan/error.h"

namespace twill::gui {
namespace {

constexpr int kGap = 8;  // pixels between two clips

}  // namespace

QImage frame_image(const media::RgbClip& clip, int frame) {
  return {clip.frame(frame), clip.width, clip.height, qsizetype{3} * clip.width,
          QImage::Format_RGB888};
}

QImage difference_image(const media::RgbClip& a, const media::RgbClip& b, int frame, int gain) {
  QImage image(a.width, a.height, QImage::Format_RGB888);
  const std::uint8_t* left = a.frame(frame);
  const std::uint8_t* right = b.frame(frame);
  for (int y = 0; y < a.height; ++y) {
    std::uint8_t* out = image.scanLine(y);
    for (int i = 0; i < 3 * a.width; ++i) {
      const int difference = std::abs(int{*left++} - int{*right++});
      out[i] = static_cast<std::uint8_t>(std::min(255, gain * difference));
    }
  }
  return image;
}

ClipView::ClipView(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("clip_view"));
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
}

void ClipView::set_clips(ClipPtr first, ClipPtr second, const QString& first_caption,
                         const QString& second_caption) {
  TWILL_ASSERT(!first || !second ||
               (first->width == second->width && first->height == second->height &&
                first->frames == second->frames));
  first_ = std::move(first);
  second_ = std::move(second);
  captions_[0] = first_caption;
  captions_[1] = second_caption;
  frame_ = std::clamp(frame_, 0, std::max(0, frames() - 1));
  update();
}

const media::RgbClip* ClipView::shown() const { return first_ ? first_.get() : second_.get(); }

int ClipView::frames() const { return shown() == nullptr ? 0 : shown()->frames; }

void ClipView::set_frame(int frame) {
  frame_ = std::clamp(frame, 0, std::max(0, frames() - 1));
  update();
}

void ClipView::set_mode(ViewMode mode) {
  mode_ = mode;
  setCursor(mode == ViewMode::kWipe ? Qt::SplitHCursor : Qt::ArrowCursor);
  update();
}

void ClipView::set_wipe(double place) {
  wipe_ = std::clamp(place, 0.0, 1.0);
  update();
  Q_EMIT wipe_moved(wipe_);
}

void ClipView::set_gain(int gain) {
  gain_ = std::max(1, gain);
  update();
}

QRect ClipView::fit(const QRect& box) const {
  const QSize size = QSize(shown()->width, shown()->height).scaled(box.size(), Qt::KeepAspectRatio);
  return {box.x() + (box.width() - size.width()) / 2, box.y() + (box.height() - size.height()) / 2,
          size.width(), size.height()};
}

void ClipView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  if (shown() == nullptr) {
    painter.setPen(palette().color(QPalette::PlaceholderText));
    painter.drawText(rect(), Qt::AlignCenter, tr("No clip yet"));
    return;
  }
  painter.setRenderHint(QPainter::SmoothPixmapTransform);
  const bool pair = first_ && second_;
  if (!pair || mode_ == ViewMode::kFirst || mode_ == ViewMode::kSecond) {
    const bool second = !first_ || (pair && mode_ == ViewMode::kSecond);
    const QRect box = fit(rect());
    painter.drawImage(box, frame_image(second ? *second_ : *first_, frame_));
    draw_caption(painter, box, captions_[second ? 1 : 0], Qt::AlignLeft);
  } else if (mode_ == ViewMode::kWipe) {
    draw_wipe(painter);
  } else if (mode_ == ViewMode::kDifference) {
    const QRect box = fit(rect());
    painter.drawImage(box, difference_image(*first_, *second_, frame_, gain_));
    draw_caption(painter, box, tr("Difference x %1").arg(gain_), Qt::AlignLeft);
  } else {
    const int half = (width() - kGap) / 2;
    const QRect left = fit({0, 0, half, height()});
    const QRect right = fit({width() - half, 0, half, height()});
    painter.drawImage(left, frame_image(*first_, frame_));
    painter.drawImage(right, frame_image(*second_, frame_));
    draw_caption(painter, left, captions_[0], Qt::AlignLeft);
    draw_caption(painter, right, captions_[1], Qt::AlignLeft);
  }
}

void ClipView::draw_wipe(QPainter& painter) {
  const QRect box = fit(rect());
  const int place = box.x() + static_cast<int>(wipe_ * box.width() + 0.5);
  painter.drawImage(box, frame_image(*second_, frame_));
  painter.setClipRect(QRect(box.x(), box.y(), place - box.x(), box.height()));
  painter.drawImage(box, frame_image(*first_, frame_));
  painter.setClipping(false);
  painter.fillRect(QRect(place - 1, box.y(), 2, box.height()), Qt::white);
  draw_caption(painter, box, captions_[0], Qt::AlignLeft);
  draw_caption(painter, box, captions_[1], Qt::AlignRight);
}

void ClipView::draw_caption(QPainter& painter, const QRect& box, const QString& text,
                            Qt::Alignment side) {
  if (text.isEmpty()) {
    return;
  }
  QRect place = painter.fontMetrics().boundingRect(text).adjusted(-6, -3, 6, 3);
  place.moveTop(box.top() + 6);
  if (side == Qt::AlignRight) {
    place.moveRight(box.right() - 6);
  } else {
    place.moveLeft(box.left() + 6);
  }
  // On any picture the same: white on half-black.
  painter.fillRect(place, QColor(0, 0, 0, 150));
  painter.setPen(Qt::white);
  painter.drawText(place, Qt::AlignCenter, text);
}

void ClipView::mousePressEvent(QMouseEvent* event) { drag_wipe(event->position().toPoint()); }
void ClipView::mouseMoveEvent(QMouseEvent* event) { drag_wipe(event->position().toPoint()); }

void ClipView::drag_wipe(const QPoint& place) {
  if (mode_ == ViewMode::kWipe && first_ && second_) {
    const QRect box = fit(rect());
    set_wipe(static_cast<double>(place.x() - box.x()) / std::max(1, box.width()));
  }
}

}  // namespace twill::gui
