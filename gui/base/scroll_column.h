// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A column of widgets that scrolls up and down where the window is too low for all of it. It is
// never narrower than what it holds, so that nothing is cut sideways.
#pragma once

#include <QScrollArea>

namespace twill::gui {

class ScrollColumn : public QScrollArea {
  Q_OBJECT

 public:
  // Takes the content.
  explicit ScrollColumn(QWidget* content, QWidget* parent = nullptr);

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  // The content is as high as the window lets it be, and scrolls only below its least height.
  void fit();
};

}  // namespace twill::gui
