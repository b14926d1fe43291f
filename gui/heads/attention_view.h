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
#include <map>
#include <memory>
#include <vector>

#include "base/job_thread.h"
#include "heads/attention_image.h"
#include "twill/plan/pattern.h"

namespace twill::gui {

class Theme;

class AttentionView : public QWidget {
  Q_OBJECT

 public:
  explicit AttentionView(const Theme& theme, QWidget* parent = nullptr);

  // What the pattern keeps is drawn a moment later when it is a new one: it is compiled in a
  // thread. A map without cells shows that there is none.
  void set_map(const HeadMap& map, const Pattern& pattern);
  // Shows `reason`.
  void set_empty(const QString& reason);
  void set_kept_shown(bool shown);
  bool kept_shown() const { return kept_shown_; }
  double zoom() const { return zoom_; }
  const HeadMap& map() const { return map_; }
  // Still being compiled, or no map is shown.
  bool veil_missing() const { return veil_ == nullptr; }
  // Row and column of the picked block, -1: none.
  QPoint picked_block() const { return picked_; }

  QSize sizeHint() const override { return {280, 280}; }
  QSize minimumSizeHint() const override { return {160, 160}; }

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
  // What a pattern keeps of a grid of tokens, and its picture: dark where nothing is kept.
  struct Veil {
    TokenLayout layout;
    std::int32_t size = 0;  // cells a side; at most those of the map
    Pattern pattern;
    std::vector<float> kept;
    QImage image;
  };
  void take_veil();
  QRectF veil_area() const;

  const Theme& theme_;
  HeadMap map_;
  Pattern pattern_;
  QString empty_;
  JobThread veil_job_;
  std::shared_ptr<Veil> making_;
  std::shared_ptr<const Veil> veil_;                      // of what is shown; null while it is made
  std::map<Pattern, std::shared_ptr<const Veil>> veils_;  // of the grid that is shown
  bool kept_shown_ = true;
  double zoom_ = 1.0;
  QPointF centre_{0.5, 0.5};  // of what is shown, in shares of the map
  QPoint picked_{-1, -1};
  QPointF dragged_from_;
};

}  // namespace twill::gui
