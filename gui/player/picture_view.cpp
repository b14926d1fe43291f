// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "player/picture_view.h"

#include <QPainter>

namespace twill::gui {

PictureView::PictureView(const QString& when_empty, QWidget* parent)
    : QWidget(parent), when_empty_(when_empty) {
  setObjectName(QStringLiteral("picture_view"));
  setMinimumSize(160, 120);
}

void PictureView::set_picture(const QImage& picture) {
  picture_ = picture;
  update();
}

void PictureView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  if (picture_.isNull()) {
    painter.setPen(palette().color(QPalette::PlaceholderText));
    painter.drawText(rect(), Qt::AlignCenter, when_empty_);
    return;
  }
  painter.setRenderHint(QPainter::SmoothPixmapTransform);
  QRect place({}, picture_.size().scaled(size(), Qt::KeepAspectRatio));
  place.moveCenter(rect().center());
  painter.drawImage(place, picture_);
}

}  // namespace twill::gui
