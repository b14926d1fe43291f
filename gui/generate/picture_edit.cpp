// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/picture_edit.h"

#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QImageReader>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QPixmap>
#include <QPushButton>
#include <QUrl>
#include <QVBoxLayout>

#include "base/text.h"

namespace twill::gui {
namespace {

constexpr QSize kShown(160, 90);
// A picture that says it has more is not opened for a thumbnail; the job that makes the clip judges
// it by itself.
constexpr qint64 kMostPixels = 200'000'000;

// Empty unless one local file is dragged.
QString file_of(const QMimeData* data) {
  const QList<QUrl> urls = data->urls();
  return urls.size() == 1 && urls.first().isLocalFile() ? urls.first().toLocalFile() : QString();
}

QPixmap small_picture(const QString& file) {
  QImageReader reader(file);
  reader.setAutoTransform(true);
  const QSize size = reader.size();
  if (!size.isValid() || qint64{size.width()} * size.height() > kMostPixels) {
    return {};
  }
  return QPixmap::fromImage(reader.read())
      .scaled(kShown, Qt::KeepAspectRatio, Qt::SmoothTransformation);
}

}  // namespace

PictureEdit::PictureEdit(const QString& name, const QString& title, QWidget* parent)
    : QWidget(parent), title_(title) {
  setAcceptDrops(true);
  auto* rows = new QVBoxLayout(this);
  rows->setContentsMargins(0, 0, 0, 0);
  auto* line = new QHBoxLayout;
  path_ = new QLineEdit(this);
  path_->setObjectName(name);
  path_->setPlaceholderText(tr("drop a picture here"));
  path_->setClearButtonEnabled(true);
  path_->setAcceptDrops(false);  // the whole widget takes it, as a path and not as a URL
  auto* choose = new QPushButton(tr("Choose..."), this);
  choose->setObjectName(name + QStringLiteral("_choose"));
  line->addWidget(path_);
  line->addWidget(choose);
  picture_ = new QLabel(this);
  picture_->setObjectName(name + QStringLiteral("_shown"));
  picture_->hide();
  rows->addLayout(line);
  rows->addWidget(picture_);
  setFocusProxy(path_);
  connect(choose, &QPushButton::clicked, this, &PictureEdit::ask);
  connect(path_, &QLineEdit::textChanged, this, [this] {
    show_picture();
    Q_EMIT changed();
  });
}

std::filesystem::path PictureEdit::file() const { return path_from_qt(path_->text().trimmed()); }
void PictureEdit::set_file(const QString& file) { path_->setText(file); }

void PictureEdit::ask() {
  const QString file = QFileDialog::getOpenFileName(this, title_, path_->text(),
                                                    tr("Pictures (*.png *.jpg *.jpeg *.webp)"));
  if (!file.isEmpty()) {
    set_file(file);
  }
}

void PictureEdit::show_picture() {
  const QString file = path_->text().trimmed();
  const QPixmap shown = file.isEmpty() ? QPixmap() : small_picture(file);
  if (shown.isNull()) {
    picture_->setText(tr("This file cannot be shown as a picture."));
  } else {
    picture_->setPixmap(shown);
  }
  picture_->setVisible(!file.isEmpty());
}

void PictureEdit::dragEnterEvent(QDragEnterEvent* event) {
  if (!file_of(event->mimeData()).isEmpty()) {
    event->acceptProposedAction();
  }
}

void PictureEdit::dropEvent(QDropEvent* event) {
  set_file(file_of(event->mimeData()));
  event->acceptProposedAction();
}

}  // namespace twill::gui
