// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The head's attention in the video's own grid: every frame of tokens beside the next, and where
// the picked token looks in each. Click a token, or move with the arrows (Page up and down:
// frames).
#pragma once

#include <QImage>
#include <QWidget>
#include <vector>

#include "heads/attention_image.h"
#include "twill/plan/pattern.h"

namespace twill::gui {

class Theme;

class VideoGridView : public QWidget {
  Q_OBJECT

 public:
  explicit VideoGridView(const Theme& theme, QWidget* parent = nullptr);

  // A map without cells shows that there is none.
  void set_map(const HeadMap& map, const Pattern& pattern);
  void set_empty(const QString& reason);
  // Raster, prefix counted; a token outside the grid goes to the nearest in it.
  void set_token(int token);
  int token() const { return token_; }
  // Where a token of the grid is drawn; for clicks of tests.
  QRectF token_rect(int token) const;

  QSize sizeHint() const override { return {320, 260}; }
  QSize minimumSizeHint() const override { return {180, 140}; }

 Q_SIGNALS:
  void token_picked(int token);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  struct Grid {
    int across = 1, down = 1;  // frames
    double cell = 1.0;         // pixels of a token
    QPointF origin;
  };
  Grid grid() const;
  void draw();

  const Theme& theme_;
  HeadMap map_;
  Pattern pattern_;
  QString empty_;
  int token_ = 0;
  std::vector<QImage> frames_;
  bool stale_ = false;  // frames_ show another head or token
};

}  // namespace twill::gui
