// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/heads_map.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QScrollBar>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "base/theme.h"
#include "heads/attention_image.h"

namespace twill::gui {
namespace {

constexpr double kMargin = 30.0;          // for the numbers of layers and heads
constexpr double kLeastThumbnail = 28.0;  // cells below this show no attention map
// More of them at once take longer than a repaint may.
constexpr int kMostThumbnails = 200;
constexpr double kMostZoom = 24.0;
constexpr double kZoomStep = 1.25;
constexpr double kLeastCell = 4.0;

QRectF cell_at(const HeadsMapLook& look, int row, int column) {
  return {kMargin + column * look.cell, kMargin + row * look.cell, look.cell, look.cell};
}

// No pixel twice: at 4K that is what a repaint takes its time for.
void paint_framed(QPainter& painter, const QRect& cell, int frame, const QColor& colour,
                  const QImage& map) {
  const QRect inside = cell.adjusted(frame, frame, -frame, -frame);
  painter.fillRect(QRect(cell.left(), cell.top(), cell.width(), frame), colour);
  painter.fillRect(QRect(cell.left(), inside.bottom() + 1, cell.width(), frame), colour);
  painter.fillRect(QRect(cell.left(), inside.top(), frame, inside.height()), colour);
  painter.fillRect(QRect(inside.right() + 1, inside.top(), frame, inside.height()), colour);
  painter.drawImage(inside.topLeft(), enlarged(map, inside.size()));
}

void paint_numbers(QPainter& painter, const HeadsModel& model, const Theme& theme,
                   const HeadsMapLook& look, const QRectF& visible) {
  painter.setPen(theme.colours().muted);
  const double height = painter.fontMetrics().height();
  // Numbers that would touch are left out.
  const int step = std::max(1, static_cast<int>(std::ceil(height * 1.1 / look.cell)));
  for (int row = 0; row < model.rowCount(); row += step) {
    const QRectF cell = cell_at(look, row, 0);
    const QRectF at(visible.left(), cell.center().y() - height / 2.0, kMargin - 5.0, height);
    if (at.bottom() >= visible.top() && at.top() <= visible.bottom()) {
      painter.drawText(at, Qt::AlignRight | Qt::AlignVCenter, QString::number(row));
    }
  }
  const int wide = std::max(1, static_cast<int>(std::ceil(height * 1.6 / look.cell)));
  for (int column = 0; column < model.columnCount(); column += wide) {
    const QRectF cell = cell_at(look, 0, column);
    painter.drawText(QRectF(cell.center().x() - kMargin, visible.top(), 2 * kMargin, kMargin - 5.0),
                     Qt::AlignHCenter | Qt::AlignBottom, QString::number(column));
  }
}

}  // namespace

QSizeF heads_size(const HeadsModel& model, const HeadsMapLook& look) {
  return {kMargin + model.columnCount() * look.cell + 1,
          kMargin + model.rowCount() * look.cell + 1};
}

void paint_heads(QPainter& painter, const HeadsModel& model, const Theme& theme,
                 const HeadsMapLook& look, const QRectF& visible) {
  if (model.rowCount() == 0) {
    return;
  }
  const auto first = [&](double edge) {
    return std::max(0, static_cast<int>((edge - kMargin) / look.cell));
  };
  const int last_row = std::min(model.rowCount() - 1, first(visible.bottom()));
  const int last_column = std::min(model.columnCount() - 1, first(visible.right()));
  const std::shared_ptr<const Profile> profile = model.plan() ? model.plan()->profile : nullptr;
  const int seen =
      (last_row - first(visible.top()) + 1) * (last_column - first(visible.left()) + 1);
  const bool thumbnails = look.thumbnails && seen <= kMostThumbnails &&
                          look.cell >= kLeastThumbnail && profile != nullptr &&
                          profile->map_size > 0;
  const double gap = look.cell >= 8.0 ? 1.0 : 0.0;
  const QColor dimmed = theme.colours().panel;
  for (int row = first(visible.top()); row <= last_row; ++row) {
    for (int column = first(visible.left()); column <= last_column; ++column) {
      const QRectF cell = cell_at(look, row, column).adjusted(0, 0, -gap, -gap);
      QColor colour = model.colour_at(row, column);
      const bool matches = model.matches_at(row, column);
      if (!matches) {
        // Mixed by hand: a blended fill takes several times as long.
        const auto mix = [](int a, int b) { return (a + 4 * b) / 5; };
        colour.setRgb(mix(colour.red(), dimmed.red()), mix(colour.green(), dimmed.green()),
                      mix(colour.blue(), dimmed.blue()));
      }
      if (thumbnails && matches) {
        const int frame = std::max(3, static_cast<int>(look.cell / 14.0));
        const HeadRef head = model.head_at(model.index(row, column));
        paint_framed(painter, cell.toRect(), frame, colour,
                     attention_image(profile_map(profile, head.expert, head.head)));
      } else {
        painter.fillRect(cell, colour);
      }
      if (model.fixed_at(row, column)) {
        painter.fillRect(QRectF(cell.left() + 1, cell.top() + 1, look.cell / 3.5, look.cell / 3.5),
                         theme.colours().text);
      }
      if (model.differs_at(row, column)) {
        painter.setPen(QPen(theme.colours().accent, std::max(1.5, look.cell / 10.0)));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(cell.adjusted(1, 1, -1, -1));
      }
    }
  }
  paint_numbers(painter, model, theme, look, visible);
}

HeadsMap::HeadsMap(HeadsModel& model, const Theme& theme, QWidget* parent)
    : QAbstractScrollArea(parent), model_(model), theme_(theme), selection_(&model) {
  setFocusPolicy(Qt::StrongFocus);
  setFrameShape(QFrame::NoFrame);
  setAccessibleName(tr("Heads map"));
  viewport()->setAttribute(Qt::WA_OpaquePaintEvent);
  const auto repaint = [this] { viewport()->update(); };
  connect(&model_, &QAbstractItemModel::dataChanged, this, repaint);
  connect(&model_, &QAbstractItemModel::modelReset, this, [this] {
    anchor_ = QPersistentModelIndex();
    update_bars();
    viewport()->update();
  });
  connect(&selection_, &QItemSelectionModel::selectionChanged, this, repaint);
  connect(&selection_, &QItemSelectionModel::currentChanged, this, repaint);
  connect(&theme_, &Theme::changed, this, repaint);
}

HeadsMapLook HeadsMap::look() const {
  const double width = viewport()->width() - kMargin - 2.0;
  const double height = viewport()->height() - kMargin - 2.0;
  const double fit =
      std::min(width / std::max(1, model_.columnCount()), height / std::max(1, model_.rowCount()));
  return {.cell = std::max(kLeastCell, std::floor(fit * zoom_))};
}

void HeadsMap::update_bars() {
  const QSizeF size = heads_size(model_, look());
  horizontalScrollBar()->setRange(
      0, std::max(0, static_cast<int>(std::ceil(size.width())) - viewport()->width()));
  verticalScrollBar()->setRange(
      0, std::max(0, static_cast<int>(std::ceil(size.height())) - viewport()->height()));
  horizontalScrollBar()->setPageStep(viewport()->width());
  verticalScrollBar()->setPageStep(viewport()->height());
}

void HeadsMap::set_zoom(double zoom) {
  zoom_ = std::clamp(zoom, 1.0, kMostZoom);
  update_bars();
  viewport()->update();
}

QRect HeadsMap::cell_rect(const QModelIndex& index) const {
  return cell_at(look(), index.row(), index.column())
      .translated(-horizontalScrollBar()->value(), -verticalScrollBar()->value())
      .toRect();
}

QModelIndex HeadsMap::index_at(const QPoint& at) const {
  const double cell = look().cell;
  const double x = at.x() + horizontalScrollBar()->value() - kMargin;
  const double y = at.y() + verticalScrollBar()->value() - kMargin;
  if (x < 0.0 || y < 0.0) {
    return {};
  }
  const int row = static_cast<int>(y / cell), column = static_cast<int>(x / cell);
  return row < model_.rowCount() && column < model_.columnCount() ? model_.index(row, column)
                                                                  : QModelIndex();
}

void HeadsMap::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(viewport());
  painter.fillRect(viewport()->rect(), theme_.colours().panel);
  if (model_.rowCount() == 0) {
    painter.setPen(theme_.colours().muted);
    painter.drawText(viewport()->rect(), Qt::AlignCenter, tr("No plan is open."));
    return;
  }
  const QPointF offset(horizontalScrollBar()->value(), verticalScrollBar()->value());
  painter.translate(-offset);
  paint_heads(painter, model_, theme_, look(), QRectF(viewport()->rect()).translated(offset));
  painter.setBrush(Qt::NoBrush);
  const HeadsMapLook now = look();
  // A dark line inside a light one is seen on every colour.
  const double width = now.cell >= 12.0 ? 2.0 : 1.0;
  for (const QItemSelectionRange& range : selection_.selection()) {
    const QRectF area =
        cell_at(now, range.top(), range.left()).united(cell_at(now, range.bottom(), range.right()));
    painter.setPen(QPen(theme_.dark() ? Qt::white : Qt::black, width));
    painter.drawRect(area.adjusted(0, 0, -1, -1));
    painter.setPen(QPen(theme_.dark() ? Qt::black : Qt::white, 1.0));
    painter.drawRect(area.adjusted(width, width, -1 - width, -1 - width));
  }
  if (selection_.currentIndex().isValid() && hasFocus()) {
    painter.setPen(QPen(theme_.colours().accent, width + 1.0));
    painter.drawRect(
        cell_at(now, selection_.currentIndex().row(), selection_.currentIndex().column())
            .adjusted(0, 0, -1, -1));
  }
}

void HeadsMap::resizeEvent(QResizeEvent* event) {
  QAbstractScrollArea::resizeEvent(event);
  update_bars();
}

void HeadsMap::select_line(const QPoint& at, QItemSelectionModel::SelectionFlags flags) {
  const int x = at.x() + horizontalScrollBar()->value();
  const int y = at.y() + verticalScrollBar()->value();
  const double cell = look().cell;
  const int row = static_cast<int>((y - kMargin) / cell);
  const int column = static_cast<int>((x - kMargin) / cell);
  QModelIndex from, to;
  if (at.x() < kMargin && y >= kMargin && row < model_.rowCount()) {
    from = model_.index(row, 0);
    to = model_.index(row, model_.columnCount() - 1);
  } else if (at.y() < kMargin && x >= kMargin && column < model_.columnCount()) {
    from = model_.index(0, column);
    to = model_.index(model_.rowCount() - 1, column);
  }
  if (from.isValid()) {
    selection_.setCurrentIndex(from, QItemSelectionModel::NoUpdate);
    selection_.select(QItemSelection(from, to), flags);
    anchor_ = from;
  }
}

void HeadsMap::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) {
    return;
  }
  const bool add = event->modifiers().testFlag(Qt::ControlModifier);
  const bool extend = event->modifiers().testFlag(Qt::ShiftModifier);
  const QModelIndex hit = index_at(event->pos());
  if (!hit.isValid()) {
    select_line(event->pos(),
                add ? QItemSelectionModel::Select : QItemSelectionModel::ClearAndSelect);
    return;
  }
  if (extend && anchor_.isValid()) {
    move_to(hit.row(), hit.column(), /*extend=*/true);
  } else {
    selection_.setCurrentIndex(hit, QItemSelectionModel::NoUpdate);
    selection_.select(hit, add ? QItemSelectionModel::Toggle : QItemSelectionModel::ClearAndSelect);
    anchor_ = hit;
  }
  dragging_ = !add;
}

void HeadsMap::mouseMoveEvent(QMouseEvent* event) {
  const QModelIndex hit = index_at(event->pos());
  if (dragging_ && hit.isValid() && hit != selection_.currentIndex()) {
    move_to(hit.row(), hit.column(), /*extend=*/true);
  }
}

void HeadsMap::mouseReleaseEvent(QMouseEvent* /*event*/) { dragging_ = false; }

void HeadsMap::move_to(int row, int column, bool extend) {
  if (model_.rowCount() == 0) {
    return;
  }
  const QModelIndex to = model_.index(std::clamp(row, 0, model_.rowCount() - 1),
                                      std::clamp(column, 0, model_.columnCount() - 1));
  if (!extend || !anchor_.isValid()) {
    anchor_ = to;
  }
  selection_.setCurrentIndex(to, QItemSelectionModel::NoUpdate);
  const QModelIndex from =
      model_.index(std::min(anchor_.row(), to.row()), std::min(anchor_.column(), to.column()));
  const QModelIndex until =
      model_.index(std::max(anchor_.row(), to.row()), std::max(anchor_.column(), to.column()));
  selection_.select(QItemSelection(from, until), QItemSelectionModel::ClearAndSelect);
  const QRect seen = cell_rect(to);
  if (!viewport()->rect().contains(seen)) {
    horizontalScrollBar()->setValue(horizontalScrollBar()->value() + seen.center().x() -
                                    viewport()->width() / 2);
    verticalScrollBar()->setValue(verticalScrollBar()->value() + seen.center().y() -
                                  viewport()->height() / 2);
  }
}

void HeadsMap::keyPressEvent(QKeyEvent* event) {
  const QModelIndex now = selection_.currentIndex();
  const int row = now.isValid() ? now.row() : 0, column = now.isValid() ? now.column() : 0;
  const bool extend = event->modifiers().testFlag(Qt::ShiftModifier);
  if (event->matches(QKeySequence::SelectAll) && model_.rowCount() > 0) {
    selection_.select(QItemSelection(model_.index(0, 0),
                                     model_.index(model_.rowCount() - 1, model_.columnCount() - 1)),
                      QItemSelectionModel::ClearAndSelect);
    return;
  }
  switch (event->key()) {
    case Qt::Key_Left:
      return move_to(row, now.isValid() ? column - 1 : 0, extend);
    case Qt::Key_Right:
      return move_to(row, now.isValid() ? column + 1 : 0, extend);
    case Qt::Key_Up:
      return move_to(now.isValid() ? row - 1 : 0, column, extend);
    case Qt::Key_Down:
      return move_to(now.isValid() ? row + 1 : 0, column, extend);
    case Qt::Key_Home:
      return move_to(row, 0, extend);
    case Qt::Key_End:
      return move_to(row, model_.columnCount() - 1, extend);
    case Qt::Key_PageUp:
      return move_to(0, column, extend);
    case Qt::Key_PageDown:
      return move_to(model_.rowCount() - 1, column, extend);
    case Qt::Key_Escape:
      return selection_.clearSelection();
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return set_zoom(zoom_ * kZoomStep);
    case Qt::Key_Minus:
      return set_zoom(zoom_ / kZoomStep);
    case Qt::Key_0:
      return set_zoom(1.0);
    default:
      QAbstractScrollArea::keyPressEvent(event);
  }
}

void HeadsMap::wheelEvent(QWheelEvent* event) {
  if (!event->modifiers().testFlag(Qt::ControlModifier)) {
    QAbstractScrollArea::wheelEvent(event);
    return;
  }
  // The cell under the mouse stays there.
  const double before = look().cell;
  const QPointF at = event->position();
  const QPointF place((at.x() + horizontalScrollBar()->value() - kMargin) / before,
                      (at.y() + verticalScrollBar()->value() - kMargin) / before);
  set_zoom(event->angleDelta().y() > 0 ? zoom_ * kZoomStep : zoom_ / kZoomStep);
  const double after = look().cell;
  horizontalScrollBar()->setValue(static_cast<int>(place.x() * after + kMargin - at.x()));
  verticalScrollBar()->setValue(static_cast<int>(place.y() * after + kMargin - at.y()));
  event->accept();
}

bool HeadsMap::viewportEvent(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    const QModelIndex hit = index_at(help->pos());
    QToolTip::showText(help->globalPos(),
                       hit.isValid() ? hit.data(Qt::ToolTipRole).toString() : QString(),
                       viewport());
    return true;
  }
  return QAbstractScrollArea::viewportEvent(event);
}

}  // namespace twill::gui
