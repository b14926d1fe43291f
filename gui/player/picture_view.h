// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One picture, as large as there is room for.
#pragma once

#include <QImage>
#include <QWidget>

namespace twill::gui {

class PictureView : public QWidget {
  Q_OBJECT

 public:
  explicit PictureView(const QString& when_empty, QWidget* parent = nullptr);

  const QImage& picture() const { return picture_; }
  void set_picture(const QImage& picture);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QString when_empty_;
  QImage picture_;
};

}  // namespace twill::gui
