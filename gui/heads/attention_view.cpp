// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/attention_view.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <utility>

#include "base/theme.h"
#include "heads/attention_image.h"

namespace twill::gui {
namespace {

constexpr double kMostZoom = 16.0;
constexpr double kZoomStep = 1.25;
constexpr int kVeil = 170;  // of 255: what is not kept is still seen

}  // namespace

AttentionView::AttentionView(const Theme& theme, QWidget* parent) : QWidget(parent), theme_(theme) {
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Attention map"));
  QSizePolicy policy(QSizePolicy::Preferred, QSizePolicy::Preferred);
  policy.setHeightForWidth(true);
  setSizePolicy(policy);
  connect(&theme_, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void AttentionView::set_empty(const QString& reason) {
  profile_.reset();
  empty_ = reason;
  update();
}

void AttentionView::set_head(std::shared_ptr<const Profile> profile, std::size_t expert,
                             std::size_t head, const Pattern& pattern) {
  if (!profile || profile->map_size <= 0 || profile->maps.empty()) {
    set_empty(tr("The profile holds no attention maps."));
    return;
  }
  const bool same_pattern = profile == profile_ && pattern == pattern_ && !kept_.empty();
  profile_ = std::move(profile);
  expert_ = expert;
  head_ = head;
  pattern_ = pattern;
  if (!same_pattern) {
    make_veil();
  }
  update();
}

void AttentionView::make_veil() {
  const int size = profile_->map_size;
  kept_ = kept_share(pattern_, profile_->layout, size);
  veil_ = QImage(size, size, QImage::Format_ARGB32_Premultiplied);
  for (int row = 0; row < size; ++row) {
    for (int column = 0; column < size; ++column) {
      const float kept = kept_[static_cast<std::size_t>(row * size + column)];
      const int alpha = static_cast<int>(kVeil * (1.0F - std::min(kept, 1.0F)));
      // Blue: no attention colour is.
      veil_.setPixel(column, row, qPremultiply(qRgba(30, 60, 140, alpha)));
    }
  }
}

void AttentionView::set_kept_shown(bool shown) {
  kept_shown_ = shown;
  update();
}

QRectF AttentionView::map_area() const {
  const double side = std::min(width(), height()) * zoom_;
  const QPointF middle(width() / 2.0, height() / 2.0);
  return {middle.x() - centre_.x() * side, middle.y() - centre_.y() * side, side, side};
}

QPoint AttentionView::block_at(const QPointF& at) const {
  const QRectF area = map_area();
  if (!profile_ || !area.contains(at)) {
    return {-1, -1};
  }
  const int size = profile_->map_size;
  return {std::min(size - 1, static_cast<int>((at.x() - area.left()) / area.width() * size)),
          std::min(size - 1, static_cast<int>((at.y() - area.top()) / area.height() * size))};
}

void AttentionView::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  painter.fillRect(rect(), theme_.colours().panel);
  if (!profile_) {
    painter.setPen(theme_.colours().muted);
    painter.drawText(rect().adjusted(12, 12, -12, -12), Qt::AlignCenter | Qt::TextWordWrap, empty_);
    return;
  }
  const QRectF area = map_area();
  painter.drawImage(area, attention_image(*profile_, expert_, head_));
  if (kept_shown_) {
    painter.drawImage(area, veil_);
  }
  if (picked_.x() >= 0) {
    const double cell = area.width() / profile_->map_size;
    painter.setPen(QPen(theme_.colours().accent, 2.0));
    painter.drawRect(
        QRectF(area.left() + picked_.x() * cell, area.top() + picked_.y() * cell, cell, cell));
  }
}

void AttentionView::pick(const QPoint& block) {
  if (!profile_ || block.x() < 0) {
    return;
  }
  picked_ = block;
  update();
  const int tokens = profile_->layout.tokens();
  const int length = (tokens + profile_->map_size - 1) / profile_->map_size;
  Q_EMIT query_picked(std::min(block.y() * length, tokens - 1));
}

void AttentionView::mousePressEvent(QMouseEvent* event) {
  dragged_from_ = event->position();
  if (event->button() == Qt::LeftButton) {
    pick(block_at(event->position()));
  }
}

void AttentionView::mouseMoveEvent(QMouseEvent* event) {
  if (event->buttons().testFlag(Qt::RightButton) || event->buttons().testFlag(Qt::MiddleButton)) {
    const double side = map_area().width();
    centre_ -= (event->position() - dragged_from_) / side;
    centre_ = {std::clamp(centre_.x(), 0.0, 1.0), std::clamp(centre_.y(), 0.0, 1.0)};
    dragged_from_ = event->position();
    update();
  }
}

void AttentionView::zoom_at(const QPointF& at, double factor) {
  const QRectF before = map_area();
  const QPointF place((at.x() - before.left()) / before.width(),
                      (at.y() - before.top()) / before.height());
  zoom_ = std::clamp(zoom_ * factor, 1.0, kMostZoom);
  if (zoom_ == 1.0) {
    centre_ = {0.5, 0.5};
  } else {
    const double side = std::min(width(), height()) * zoom_;
    centre_ = place + QPointF(width() / 2.0 - at.x(), height() / 2.0 - at.y()) / side;
    centre_ = {std::clamp(centre_.x(), 0.0, 1.0), std::clamp(centre_.y(), 0.0, 1.0)};
  }
  update();
}

void AttentionView::wheelEvent(QWheelEvent* event) {
  zoom_at(event->position(), event->angleDelta().y() > 0 ? kZoomStep : 1.0 / kZoomStep);
  event->accept();
}

void AttentionView::keyPressEvent(QKeyEvent* event) {
  const QPointF middle(width() / 2.0, height() / 2.0);
  const int last = profile_ ? profile_->map_size - 1 : 0;
  const QPoint from = picked_.x() < 0 ? QPoint(0, 0) : picked_;
  const auto move = [&](int dx, int dy) {
    pick({std::clamp(from.x() + dx, 0, last), std::clamp(from.y() + dy, 0, last)});
  };
  switch (event->key()) {
    case Qt::Key_Left:
      return move(-1, 0);
    case Qt::Key_Right:
      return move(1, 0);
    case Qt::Key_Up:
      return move(0, -1);
    case Qt::Key_Down:
      return move(0, 1);
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return zoom_at(middle, kZoomStep);
    case Qt::Key_Minus:
      return zoom_at(middle, 1.0 / kZoomStep);
    case Qt::Key_0:
      return zoom_at(middle, 1.0 / kMostZoom);
    case Qt::Key_K:
      return set_kept_shown(!kept_shown_);
    default:
      QWidget::keyPressEvent(event);
  }
}

bool AttentionView::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    const QPoint block = block_at(help->pos());
    QString text;
    if (block.x() >= 0) {
      const int size = profile_->map_size;
      const auto cell = static_cast<std::size_t>(block.y() * size + block.x());
      const QImage map = attention_image(*profile_, expert_, head_);
      text = tr("query block %1, key block %2\nattention %3 % of the row's most, %4 % kept")
                 .arg(block.y())
                 .arg(block.x())
                 .arg(map.pixelIndex(block) * 100 / 255)
                 .arg(qRound(kept_[cell] * 100));
    }
    QToolTip::showText(help->globalPos(), text, this);
    return true;
  }
  return QWidget::event(event);
}

}  // namespace twill::gui
