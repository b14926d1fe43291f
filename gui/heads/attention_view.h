// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One head's attention map: queries down, keys across, with what the plan keeps drawn over it.
//
// Wheel zooms at the mouse, a drag with the right button or space moves, a click picks a block.
// Keys: arrows move the picked block, + and - zoom, 0 shows all, K switches what is kept on or off.
#pragma once

#include <QImage>
#include <QPointF>
#include <QWidget>
#include <memory>

#include "twill/plan/pattern.h"
#include "twill/plan/profile.h"

namespace twill::gui {

class Theme;

class AttentionView : public QWidget {
  Q_OBJECT

 public:
  explicit AttentionView(const Theme& theme, QWidget* parent = nullptr);

  // Null: shows `reason`.
  void set_head(std::shared_ptr<const Profile> profile, std::size_t expert, std::size_t head,
                const Pattern& pattern);
  void set_empty(const QString& reason);
  void set_kept_shown(bool shown);
  bool kept_shown() const { return kept_shown_; }
  double zoom() const { return zoom_; }
  // Row and column of the picked block, -1: none.
  QPoint picked_block() const { return picked_; }

  QSize sizeHint() const override { return {280, 280}; }
  QSize minimumSizeHint() const override { return {160, 160}; }
  bool hasHeightForWidth() const override { return true; }
  int heightForWidth(int width) const override { return width; }

 Q_SIGNALS:
  // First raster token of the picked query block.
  void query_picked(int token);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool event(QEvent* event) override;

 private:
  QRectF map_area() const;
  QPoint block_at(const QPointF& at) const;  // column, row; (-1, -1) outside
  void zoom_at(const QPointF& at, double factor);
  void pick(const QPoint& block);
  void make_veil();

  const Theme& theme_;
  std::shared_ptr<const Profile> profile_;
  std::size_t expert_ = 0, head_ = 0;
  Pattern pattern_;
  QString empty_;
  QImage veil_;  // dark where nothing is kept
  std::vector<float> kept_;
  bool kept_shown_ = true;
  double zoom_ = 1.0;
  QPointF centre_{0.5, 0.5};  // of what is shown, in shares of the map
  QPoint picked_{-1, -1};
  QPointF dragged_from_;
};

}  // namespace twill::gui
