// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// PSNR and SSIM of every frame of a pair, as two lines over the frames; a click goes to a frame.
#pragma once

#include <QWidget>

#include "twill/media/video_metrics.h"

namespace twill::gui {

class QualityStrip : public QWidget {
  Q_OBJECT

 public:
  explicit QualityStrip(QWidget* parent = nullptr);

  void set_quality(const media::FrameQuality& quality);
  void set_frame(int frame);

  QSize sizeHint() const override { return {400, 64}; }
  QSize minimumSizeHint() const override { return {100, 48}; }

 Q_SIGNALS:
  void frame_chosen(int frame);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;

 private:
  double x_of(std::size_t frame) const;
  void draw_line(QPainter& painter, const std::vector<double>& values, const QColor& colour) const;
  void choose(double x);

  media::FrameQuality quality_;
  int frame_ = 0;
};

}  // namespace twill::gui
