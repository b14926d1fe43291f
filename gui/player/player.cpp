// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "player/player.h"

#include <QComboBox>
#include <QEvent>
#include <QHBoxLayout>
#include <QIcon>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QPixmap>
#include <QPolygonF>
#include <QSignalBlocker>
#include <QSlider>
#include <QSpinBox>
#include <QStyle>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "player/quality_strip.h"

namespace twill::gui {
namespace {

// The style's own are dark on dark.
QIcon drawn(bool pause, const QColor& colour) {
  constexpr int kSide = 32;
  QPixmap pixmap(kSide, kSide);
  pixmap.fill(Qt::transparent);
  QPainter painter(&pixmap);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(colour);
  if (pause) {
    painter.drawRect(8, 7, 6, 18);
    painter.drawRect(18, 7, 6, 18);
  } else {
    painter.drawPolygon(QPolygonF({{9, 6}, {26, 16}, {9, 26}}));
  }
  return QIcon(pixmap);
}

}  // namespace

Player::Player(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("player"));
  setFocusPolicy(Qt::StrongFocus);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, style()->pixelMetric(QStyle::PM_LayoutBottomMargin));
  view_ = new ClipView(this);
  strip_ = new QualityStrip(this);
  summary_ = new QLabel(this);
  summary_->setObjectName(QStringLiteral("player_summary"));
  summary_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  summary_->setWordWrap(true);
  layout->addWidget(view_, 1);
  layout->addWidget(make_controls());
  layout->addWidget(strip_);
  layout->addWidget(summary_);
  connect(strip_, &QualityStrip::frame_chosen, this, [this](int frame) {
    set_playing(false);
    wanted_ = false;
    go_to(frame);
  });
  connect(&timer_, &QTimer::timeout, this, [this] {
    if (view_->frames() > 0) {
      go_to((view_->frame() + 1) % view_->frames());
    }
  });
  timer_.setTimerType(Qt::PreciseTimer);
  show_clips({});
}

QWidget* Player::make_controls() {
  auto* controls = new QWidget(this);
  auto* rows = new QVBoxLayout(controls);
  rows->setContentsMargins(0, 0, 0, 0);
  auto* row = new QHBoxLayout;
  auto* second_row = new QHBoxLayout;  // the player stands between two columns in narrow windows
  rows->addLayout(row);
  rows->addLayout(second_row);
  play_ = new QToolButton(controls);
  play_->setObjectName(QStringLiteral("play"));
  play_->setToolTip(tr("Play or pause (space)"));
  connect(play_, &QToolButton::clicked, this, [this] {
    wanted_ = !playing();
    set_playing(wanted_);
  });
  slider_ = new QSlider(Qt::Horizontal, controls);
  slider_->setObjectName(QStringLiteral("frame"));
  slider_->setAccessibleName(tr("Frame"));
  connect(slider_, &QSlider::valueChanged, this, &Player::go_to);
  mode_ = new QComboBox(controls);
  mode_->setObjectName(QStringLiteral("view_mode"));
  mode_->setAccessibleName(tr("View"));
  for (const auto& [mode, name] :
       {std::pair(ViewMode::kSideBySide, tr("Side by side")),
        std::pair(ViewMode::kWipe, tr("Wipe")), std::pair(ViewMode::kDifference, tr("Difference")),
        std::pair(ViewMode::kFirst, tr("Dense only")),
        std::pair(ViewMode::kSecond, tr("Sparse only"))}) {
    mode_->addItem(name, static_cast<int>(mode));
  }
  connect(mode_, &QComboBox::currentIndexChanged, this, [this](int index) {
    view_->set_mode(static_cast<ViewMode>(mode_->itemData(index).toInt()));
    update_controls();
  });
  gain_ = new QSpinBox(controls);
  gain_->setObjectName(QStringLiteral("gain"));
  gain_->setPrefix(tr("x "));
  gain_->setRange(1, 64);
  gain_->setValue(4);
  gain_->setToolTip(tr("How many times as large the difference is shown"));
  connect(gain_, &QSpinBox::valueChanged, view_, &ClipView::set_gain);
  label_ = new QLabel(controls);
  label_->setObjectName(QStringLiteral("frame_label"));
  row->addWidget(play_);
  row->addWidget(slider_, 1);
  second_row->addWidget(label_, 1);
  second_row->addWidget(mode_);
  second_row->addWidget(gain_);
  return controls;
}

void Player::show_clips(const Playable& playable) {
  playable_ = playable;
  view_->set_clips(playable.first, playable.second, playable.first_caption,
                   playable.second_caption);
  strip_->set_quality(playable.quality);
  summary_->setText(playable.summary);
  summary_->setVisible(!playable.summary.isEmpty());
  const auto& any = playable.first ? playable.first : playable.second;
  set_fps(any ? any->fps : 0.0);
  {
    const QSignalBlocker block(slider_);
    slider_->setRange(0, std::max(0, view_->frames() - 1));
  }
  go_to(0);
  set_playing(wanted_ && view_->frames() > 1);
  update_controls();
}

void Player::show_preview(const ClipPtr& preview, const QString& caption) {
  const int at = view_->frames() == preview->frames ? view_->frame() : 0;
  show_clips({.first = preview, .first_caption = caption});
  go_to(at);
}

void Player::set_fps(double fps) {
  // The screen shows no more than 120 frames a second, and a pause of over a second is no motion.
  timer_.setInterval(static_cast<int>(std::lround(1000.0 / std::clamp(fps, 1.0, 120.0))));
}

void Player::set_playing(bool playing) {
  playing ? timer_.start() : timer_.stop();
  play_->setIcon(drawn(playing, palette().color(QPalette::ButtonText)));
}

void Player::changeEvent(QEvent* event) {
  if (event->type() == QEvent::PaletteChange && play_ != nullptr) {
    play_->setIcon(drawn(playing(), palette().color(QPalette::ButtonText)));
  }
  QWidget::changeEvent(event);
}

void Player::go_to(int frame) {
  view_->set_frame(frame);
  const QSignalBlocker block(slider_);
  slider_->setValue(view_->frame());
  strip_->set_frame(view_->frame());
  tell_frame();
}

void Player::set_mode(ViewMode mode) { mode_->setCurrentIndex(mode_->findData(int(mode))); }

void Player::tell_frame() {
  if (view_->frames() == 0) {
    label_->clear();
    return;
  }
  QString text = tr("%1 of %2").arg(view_->frame() + 1).arg(view_->frames());
  const auto at = static_cast<std::size_t>(view_->frame());
  if (at < playable_.quality.psnr_db.size()) {
    const double psnr = playable_.quality.psnr_db[at];
    text += std::isfinite(psnr) ? tr(" - %1 dB").arg(psnr, 0, 'f', 1) : tr(" - equal");
    text += tr(", SSIM %1").arg(playable_.quality.ssim[at], 0, 'f', 3);
  }
  label_->setText(text);
}

void Player::update_controls() {
  const bool pair = playable_.first && playable_.second;
  mode_->setVisible(pair);
  gain_->setVisible(pair && view_->mode() == ViewMode::kDifference);
  play_->setEnabled(view_->frames() > 1);
  slider_->setEnabled(view_->frames() > 1);
}

void Player::keyPressEvent(QKeyEvent* event) {
  constexpr double kWipeStep = 0.05;
  switch (event->key()) {
    case Qt::Key_Space:
      play_->click();
      return;
    case Qt::Key_Left:
    case Qt::Key_Right: {
      const int step = event->key() == Qt::Key_Right ? 1 : -1;
      if ((event->modifiers() & Qt::ShiftModifier) != 0) {
        view_->set_wipe(view_->wipe() + step * kWipeStep);
      } else {
        wanted_ = false;
        set_playing(false);
        go_to(view_->frame() + step);
      }
      return;
    }
    case Qt::Key_Home:
      go_to(0);
      return;
    case Qt::Key_End:
      go_to(view_->frames() - 1);
      return;
    default:
      QWidget::keyPressEvent(event);
  }
}

}  // namespace twill::gui
