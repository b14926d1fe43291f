// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The painted layer x head map over a HeadsModel.
//
// Mouse: click selects, drag selects a rectangle, shift extends from the current head, ctrl adds;
// a click on a layer's or head's number selects its line; ctrl and the wheel zoom. Keys: arrows
// move, with shift extend; Home, End, Page up and down; ctrl+A all, Escape none; + - 0 zoom.
#pragma once

#include <QAbstractScrollArea>
#include <QItemSelectionModel>
#include <QPoint>
#include <memory>

#include "heads/heads_model.h"

class QPainter;

namespace twill::gui {

class Theme;

// How the map's cells are drawn; shared with pictures that are exported.
struct HeadsMapLook {
  double cell = 16.0;  // pixels a side
  bool thumbnails = true;
};
// Draws all cells with their numbers at the origin of the painter, within `visible`.
void paint_heads(QPainter& painter, const HeadsModel& model, const Theme& theme,
                 const HeadsMapLook& look, const QRectF& visible);
QSizeF heads_size(const HeadsModel& model, const HeadsMapLook& look);

class HeadsMap : public QAbstractScrollArea {
  Q_OBJECT

 public:
  HeadsMap(HeadsModel& model, const Theme& theme, QWidget* parent = nullptr);

  QItemSelectionModel& selection() { return selection_; }
  // 1: the whole map is seen.
  double zoom() const { return zoom_; }
  void set_zoom(double zoom);
  QRect cell_rect(const QModelIndex& index) const;  // in the viewport
  QModelIndex index_at(const QPoint& at) const;     // invalid outside
  QSize sizeHint() const override { return {420, 560}; }

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  bool viewportEvent(QEvent* event) override;

 private:
  HeadsMapLook look() const;
  void update_bars();
  void select_line(const QPoint& at, QItemSelectionModel::SelectionFlags flags);
  void move_to(int row, int column, bool extend);

  HeadsModel& model_;
  const Theme& theme_;
  QItemSelectionModel selection_;
  double zoom_ = 1.0;
  QPersistentModelIndex anchor_;
  bool dragging_ = false;
};

}  // namespace twill::gui
