// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Plays one clip, or two in step with their quality frame by frame.
#pragma once

#include <QTimer>
#include <QWidget>

#include "player/clip_view.h"
#include "twill/media/video_metrics.h"

class QComboBox;
class QLabel;
class QSlider;
class QSpinBox;
class QToolButton;

namespace twill::gui {

class QualityStrip;

// What there is to play. `second` is null for a single clip.
struct Playable {
  ClipPtr first;
  ClipPtr second;
  QString first_caption;
  QString second_caption;
  media::FrameQuality quality;
  QString summary;  // one line about the whole
};

class Player : public QWidget {
  Q_OBJECT

 public:
  explicit Player(QWidget* parent = nullptr);

  // Plays from the first frame, unless the user has paused.
  void show_clips(const Playable& playable);
  // A picture of what is being made, instead of what was shown before; it moves too.
  void show_preview(const ClipPtr& preview, const QString& caption);

  bool playing() const { return timer_.isActive(); }
  void set_playing(bool playing);
  int frame() const { return view_->frame(); }
  void go_to(int frame);
  ViewMode mode() const { return view_->mode(); }
  void set_mode(ViewMode mode);

 protected:
  void keyPressEvent(QKeyEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  QWidget* make_controls();
  void set_fps(double fps);
  void tell_frame();
  void update_controls();

  Playable playable_;
  ClipView* view_ = nullptr;
  QualityStrip* strip_ = nullptr;
  QToolButton* play_ = nullptr;
  QSlider* slider_ = nullptr;
  QComboBox* mode_ = nullptr;
  QSpinBox* gain_ = nullptr;
  QLabel* label_ = nullptr;
  QLabel* summary_ = nullptr;
  QTimer timer_;
  bool wanted_ = true;  // the user did not pause
};

}  // namespace twill::gui
