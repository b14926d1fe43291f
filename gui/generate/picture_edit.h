// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A picture that a clip is made from: named, chosen or dropped here, and shown small.
#pragma once

#include <QWidget>
#include <filesystem>

class QLabel;
class QLineEdit;

namespace twill::gui {

class PictureEdit : public QWidget {
  Q_OBJECT

 public:
  // name: of the field of its path. title: of the dialog that asks for a file.
  PictureEdit(const QString& name, const QString& title, QWidget* parent);

  // Empty: none.
  std::filesystem::path file() const;
  void set_file(const QString& file);

 Q_SIGNALS:
  void changed();

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;

 private:
  void ask();
  void show_picture();

  QString title_;
  QLineEdit* path_ = nullptr;
  QLabel* picture_ = nullptr;
};

}  // namespace twill::gui
