// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A small painted chart: lines and points over two axes, a marker, points that can be picked
// by mouse and keys.
#pragma once

#include <QColor>
#include <QPointF>
#include <QString>
#include <QWidget>
#include <optional>
#include <vector>

namespace twill::gui {

class Theme;

struct ChartSeries {
  QString name;
  QColor colour;
  bool line = false;
  std::vector<QPointF> points;
  std::vector<QColor> colours;     // of single points; empty: `colour`
  std::vector<QString> tool_tips;  // of single points; empty: their values
};

class Chart : public QWidget {
  Q_OBJECT

 public:
  Chart(const Theme& theme, const QString& x_title, const QString& y_title,
        QWidget* parent = nullptr);

  void set_series(std::vector<ChartSeries> series);
  void set_marker(const std::optional<QPointF>& marker, const QString& text = {});
  // The y axis by powers of ten; zeros stand at its lower end.
  void set_log_y(bool log);
  // What stands there while there is nothing to draw.
  void set_empty_text(const QString& text);
  const std::vector<ChartSeries>& series() const { return series_; }
  std::optional<QPointF> marker() const { return marker_; }
  // In the widget; for clicks of tests.
  QPointF to_screen(const QPointF& value) const;

  QSize sizeHint() const override { return {320, 200}; }
  QSize minimumSizeHint() const override { return {180, 120}; }

 Q_SIGNALS:
  void picked(int series, int point);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool event(QEvent* event) override;

 private:
  struct Hit {
    int series = -1, point = -1;
  };
  Hit hit_at(const QPointF& at) const;
  QRectF plot() const;
  void fit();
  double height_of(double y) const;  // 0 at the lower end of the axis, 1 at the upper
  std::vector<double> y_ticks() const;

  const Theme& theme_;
  QString x_title_, y_title_, empty_text_, marker_text_;
  std::vector<ChartSeries> series_;
  std::optional<QPointF> marker_;
  QRectF range_{0, 0, 1, 1};
  bool log_y_ = false;
  double least_y_ = 0.0;  // of the points above zero; where a log axis begins
  Hit focused_;
};

}  // namespace twill::gui
