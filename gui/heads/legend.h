// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the colours of the map stand for.
#pragma once

#include <QWidget>

class QPainter;

namespace twill::gui {

class HeadsModel;
class Theme;

// Draws the legend of the model's measure within the area.
void paint_legend(QPainter& painter, const HeadsModel& model, const Theme& theme,
                  const QRectF& area);

class Legend : public QWidget {
  Q_OBJECT

 public:
  Legend(const HeadsModel& model, const Theme& theme, QWidget* parent = nullptr);
  QSize sizeHint() const override { return {420, heightForWidth(420)}; }
  QSize minimumSizeHint() const override { return {200, 58}; }
  // The pattern names stand in as many columns as fit.
  int heightForWidth(int width) const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  const HeadsModel& model_;
  const Theme& theme_;
};

}  // namespace twill::gui
