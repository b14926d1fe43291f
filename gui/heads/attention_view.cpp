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

constexpr double kLeastMostZoom = 16.0;
constexpr double kCellPixels = 16.0;      // of a cell when a large map is zoomed as far as it goes
constexpr std::int32_t kMostVeil = 1024;  // cells a side: a veil is no finer
constexpr std::size_t kMostVeils = 256;
constexpr double kZoomStep = 1.25;
constexpr int kVeil = 170;  // of 255: what is not kept is still seen

}  // namespace

AttentionView::AttentionView(const Theme& theme, QWidget* parent) : QWidget(parent), theme_(theme) {
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Attention map"));
  connect(&theme_, &Theme::changed, this, qOverload<>(&QWidget::update));
  connect(&veil_job_, &JobThread::ended, this, [this](const jobs::Outcome& outcome) {
    const std::shared_ptr<Veil> made = std::exchange(making_, nullptr);
    if (outcome.kind == jobs::OutcomeKind::kFailed) {
      made->kept.assign(made->kept.size(), 1.0F);
      made->image = {};  // nothing is veiled; not tried again
    }
    if (outcome.kind != jobs::OutcomeKind::kCancelled && made->layout == map_.layout) {
      if (veils_.size() >= kMostVeils) {
        veils_.clear();
      }
      veils_[made->pattern] = made;
    }
    take_veil();
  });
}

void AttentionView::set_empty(const QString& reason) {
  map_ = {};
  veil_.reset();
  empty_ = reason;
  update();
}

void AttentionView::set_map(const HeadMap& map, const Pattern& pattern) {
  if (!map.cells) {
    set_empty(tr("The profile holds no attention maps."));
    return;
  }
  if (!(map.layout == map_.layout) || map.size != map_.size) {
    veils_.clear();
    picked_ = {-1, -1};
  }
  map_ = map;
  pattern_ = pattern;
  take_veil();
}

void AttentionView::take_veil() {
  update();
  const auto found = veils_.find(pattern_);
  veil_ = map_.cells && found != veils_.end() ? found->second : nullptr;
  if (veil_ || !map_.cells || veil_job_.running()) {
    return;
  }
  making_ = std::make_shared<Veil>(
      Veil{.layout = map_.layout, .size = std::min(map_.size, kMostVeil), .pattern = pattern_});
  making_->kept.resize(static_cast<std::size_t>(making_->size) *
                       static_cast<std::size_t>(making_->size));
  veil_job_.start([veil = making_](const jobs::JobControl&) {
    veil->kept = kept_share(veil->pattern, veil->layout, veil->size);
    veil->image = QImage(veil->size, veil->size, QImage::Format_ARGB32_Premultiplied);
    const float* kept = veil->kept.data();
    for (int row = 0; row < veil->size; ++row) {
      for (int column = 0; column < veil->size; ++column, ++kept) {
        const int alpha = static_cast<int>(kVeil * (1.0F - std::min(*kept, 1.0F)));
        // Blue: no attention colour is.
        veil->image.setPixel(column, row, qPremultiply(qRgba(30, 60, 140, alpha)));
      }
    }
  });
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

// A veil's blocks are rounded up to whole tokens, and so are the map's: both may end a little
// behind the last token.
QRectF AttentionView::veil_area() const {
  const QRectF area = map_area();
  const int block = (map_.layout.tokens() + veil_->size - 1) / veil_->size;
  const double share = 1.0 * block * veil_->size / (1.0 * map_.block() * map_.size);
  return {area.topLeft(), area.size() * share};
}

QPoint AttentionView::block_at(const QPointF& at) const {
  const QRectF area = map_area();
  if (!map_.cells || !area.contains(at)) {
    return {-1, -1};
  }
  const int size = map_.size;
  return {std::min(size - 1, static_cast<int>((at.x() - area.left()) / area.width() * size)),
          std::min(size - 1, static_cast<int>((at.y() - area.top()) / area.height() * size))};
}

void AttentionView::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  painter.fillRect(rect(), theme_.colours().panel);
  if (!map_.cells) {
    painter.setPen(theme_.colours().muted);
    painter.drawText(rect().adjusted(12, 12, -12, -12), Qt::AlignCenter | Qt::TextWordWrap, empty_);
    return;
  }
  const QRectF area = map_area();
  const double cell = area.width() / map_.size;
  // Only the cells in sight: a map of single tokens is large.
  const QRectF seen = QRectF(rect()).intersected(area);
  const QRect cells = QRectF((seen.topLeft() - area.topLeft()) / cell, seen.size() / cell)
                          .toAlignedRect()
                          .intersected({0, 0, map_.size, map_.size});
  painter.drawImage(
      QRectF(area.topLeft() + QPointF(cells.topLeft()) * cell, QSizeF(cells.size()) * cell),
      attention_image(map_), cells);
  if (kept_shown_ && veil_) {
    painter.drawImage(veil_area(), veil_->image);
  }
  if (picked_.x() >= 0) {
    painter.setPen(QPen(theme_.colours().accent, 2.0));
    painter.drawRect(
        QRectF(area.left() + picked_.x() * cell, area.top() + picked_.y() * cell, cell, cell));
  }
}

void AttentionView::pick(const QPoint& block) {
  if (!map_.cells || block.x() < 0) {
    return;
  }
  picked_ = block;
  update();
  Q_EMIT query_picked(std::min(block.y() * map_.block(), map_.layout.tokens() - 1));
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
  const double side_at_one = std::min(width(), height());
  const double most = std::max(kLeastMostZoom, map_.size * kCellPixels / side_at_one);
  zoom_ = std::clamp(zoom_ * factor, 1.0, most);
  if (zoom_ == 1.0) {
    centre_ = {0.5, 0.5};
  } else {
    const double side = side_at_one * zoom_;
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
  const int last = map_.cells ? map_.size - 1 : 0;
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
      return zoom_at(middle, 1.0 / zoom_);
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
    const QRectF veil_rect = veil_ ? veil_area() : QRectF();
    QString text;
    if (block.x() >= 0) {
      const auto cell = static_cast<std::size_t>(block.y()) * static_cast<std::size_t>(map_.size) +
                        static_cast<std::size_t>(block.x());
      text = tr("query block %1, key block %2\nattention %3 % of the row's most")
                 .arg(block.y())
                 .arg(block.x())
                 .arg(map_.cells.get()[cell] * 100 / 255);
      const QPointF at = QPointF(help->pos()) - veil_rect.topLeft();
      if (veil_) {
        const int column = static_cast<int>(at.x() / veil_rect.width() * veil_->size);
        const int row = static_cast<int>(at.y() / veil_rect.height() * veil_->size);
        if (column < veil_->size && row < veil_->size) {
          text += tr(", %1 % kept")
                      .arg(qRound(
                          veil_->kept[static_cast<std::size_t>(row * veil_->size + column)] * 100));
        }
      }
    }
    QToolTip::showText(help->globalPos(), text, this);
    return true;
  }
  return QWidget::event(event);
}

}  // namespace twill::gui
