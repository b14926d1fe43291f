// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One frame of a clip, or of two in step: beside each other, with a wipe, or their difference.
#pragma once

#include <QImage>
#include <QWidget>
#include <memory>

#include "twill/media/rgb_clip.h"

namespace twill::gui {

enum class ViewMode : std::uint8_t { kSideBySide, kWipe, kDifference, kFirst, kSecond };

using ClipPtr = std::shared_ptr<const media::RgbClip>;

class ClipView : public QWidget {
  Q_OBJECT

 public:
  explicit ClipView(QWidget* parent = nullptr);

  // Either may be null; two have the same size and number of frames. Captions stand in the corners.
  void set_clips(ClipPtr first, ClipPtr second, const QString& first_caption,
                 const QString& second_caption);
  const ClipPtr& first() const { return first_; }
  int frames() const;
  int frame() const { return frame_; }
  void set_frame(int frame);
  ViewMode mode() const { return mode_; }
  void set_mode(ViewMode mode);
  // Where the wipe stands, 0..1 from the left: the first clip is on its left.
  double wipe() const { return wipe_; }
  void set_wipe(double place);
  // The difference is shown so many times as large.
  void set_gain(int gain);

  QSize sizeHint() const override { return {640, 360}; }
  QSize minimumSizeHint() const override { return {160, 120}; }

 Q_SIGNALS:
  void wipe_moved(double place);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;

 private:
  const media::RgbClip* shown() const;
  // The largest place of the clip's shape in `box`, in whole pixels.
  QRect fit(const QRect& box) const;
  void draw_wipe(QPainter& painter);
  void draw_caption(QPainter& painter, const QRect& box, const QString& text, Qt::Alignment side);
  void drag_wipe(const QPoint& place);

  ClipPtr first_;
  ClipPtr second_;
  QString captions_[2];
  int frame_ = 0;
  ViewMode mode_ = ViewMode::kSideBySide;
  double wipe_ = 0.5;
  int gain_ = 4;
};

// A frame of the clip, sharing its memory.
QImage frame_image(const media::RgbClip& clip, int frame);
// |a - b| of every colour times `gain`, cut at white.
QImage difference_image(const media::RgbClip& a, const media::RgbClip& b, int frame, int gain);

}  // namespace twill::gui
