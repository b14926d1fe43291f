// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "base/scroll_column.h"

#include <QEvent>
#include <QLayout>
#include <QScrollBar>
#include <algorithm>

namespace twill::gui {
namespace {

constexpr int kLeastLines = 4;  // that are seen at once

}  // namespace

ScrollColumn::ScrollColumn(QWidget* content, QWidget* parent) : QScrollArea(parent) {
  setFrameShape(QFrame::NoFrame);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  // Its content has the focus, and scrolls into view with it.
  setFocusPolicy(Qt::NoFocus);
  setWidget(content);
}

QSize ScrollColumn::sizeHint() const {
  const int bar = verticalScrollBar()->sizeHint().width();
  return widget()->sizeHint() + QSize(bar, 0);
}

QSize ScrollColumn::minimumSizeHint() const {
  const int bar = verticalScrollBar()->sizeHint().width();
  const QSize least = widget()->minimumSizeHint();
  return {least.width() + bar, std::min(least.height(), kLeastLines * fontMetrics().lineSpacing())};
}

bool ScrollColumn::eventFilter(QObject* watched, QEvent* event) {
  if (watched == widget() && event->type() == QEvent::LayoutRequest) {
    updateGeometry();
    fit();
  }
  return QScrollArea::eventFilter(watched, event);
}

void ScrollColumn::resizeEvent(QResizeEvent* event) {
  QScrollArea::resizeEvent(event);
  fit();
}

void ScrollColumn::fit() {
  const int width = viewport()->width();
  const QLayout* layout = widget()->layout();
  const int least = layout != nullptr && layout->hasHeightForWidth()
                        ? layout->totalMinimumHeightForWidth(width)
                        : widget()->minimumSizeHint().height();
  widget()->resize(width, std::max(viewport()->height(), least));
}

}  // namespace twill::gui
