// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/lora_list.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QMimeData>
#include <QPushButton>
#include <QScopedValueRollback>
#include <QTableWidget>
#include <QUrl>
#include <QVBoxLayout>
#include <algorithm>

#include "base/text.h"

namespace twill::gui {
namespace {

enum Column { kFile, kStrength, kExpert, kColumns };
constexpr int kRowsShown = 4;

QStringList files_of(const QMimeData* data) {
  QStringList files;
  for (const QUrl& url : data->urls()) {
    if (url.isLocalFile() &&
        url.fileName().endsWith(QStringLiteral(".safetensors"), Qt::CaseInsensitive)) {
      files.append(url.toLocalFile());
    }
  }
  return files;
}

}  // namespace

LoraList::LoraList(QWidget* parent) : QWidget(parent) {
  setAcceptDrops(true);
  auto* rows = new QVBoxLayout(this);
  rows->setContentsMargins(0, 0, 0, 0);
  table_ = new QTableWidget(0, kColumns, this);
  table_->setObjectName(QStringLiteral("loras"));
  table_->setAccessibleName(tr("LoRAs"));
  table_->setHorizontalHeaderLabels({tr("File"), tr("Strength"), tr("Expert")});
  table_->horizontalHeader()->setSectionResizeMode(kFile, QHeaderView::Stretch);
  table_->horizontalHeader()->setSectionResizeMode(kStrength, QHeaderView::ResizeToContents);
  table_->horizontalHeader()->setSectionResizeMode(kExpert, QHeaderView::ResizeToContents);
  table_->verticalHeader()->hide();
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setTabKeyNavigation(false);
  auto* buttons = new QHBoxLayout;
  auto* add = new QPushButton(tr("Add LoRA..."), this);
  add->setObjectName(QStringLiteral("add_lora"));
  remove_ = new QPushButton(tr("Remove"), this);
  remove_->setObjectName(QStringLiteral("remove_lora"));
  buttons->addWidget(add);
  buttons->addWidget(remove_);
  buttons->addStretch();
  rows->addWidget(table_);
  rows->addLayout(buttons);
  connect(add, &QPushButton::clicked, this, &LoraList::ask);
  connect(remove_, &QPushButton::clicked, this, &LoraList::remove_chosen);
  set_experts({});
  fit();
}

void LoraList::set_experts(const std::vector<std::string>& experts) {
  const std::vector<LoraChoice> kept = loras();
  experts_ = experts.size() > 1 ? experts : std::vector<std::string>();
  table_->setColumnHidden(kExpert, experts_.empty());
  set_loras(kept);
}

std::vector<LoraChoice> LoraList::loras() const {
  std::vector<LoraChoice> loras;
  for (int row = 0; row < table_->rowCount(); ++row) {
    const auto* strength = static_cast<QDoubleSpinBox*>(table_->cellWidget(row, kStrength));
    const auto* expert = static_cast<QComboBox*>(table_->cellWidget(row, kExpert));
    loras.push_back({.file = path_from_qt(table_->item(row, kFile)->data(Qt::UserRole).toString()),
                     .strength = strength->value(),
                     .expert = from_qt(expert->currentData().toString())});
  }
  return loras;
}

void LoraList::set_loras(const std::vector<LoraChoice>& loras) {
  {
    const QScopedValueRollback filling(filling_, true);
    table_->setRowCount(0);
    for (const LoraChoice& lora : loras) {
      add_row(lora);
    }
  }
  fit();
  Q_EMIT changed();
}

void LoraList::add(const QStringList& files) {
  std::vector<LoraChoice> all = loras();
  for (const QString& file : files) {
    all.push_back({.file = path_from_qt(file)});
  }
  set_loras(all);
}

void LoraList::add_row(const LoraChoice& lora) {
  const int row = table_->rowCount();
  table_->insertRow(row);
  const QString path = path_to_qt(lora.file);
  auto* file = new QTableWidgetItem(QFileInfo(path).fileName());
  file->setData(Qt::UserRole, path);
  file->setToolTip(path);
  file->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
  table_->setItem(row, kFile, file);
  auto* strength = new QDoubleSpinBox(table_);
  strength->setRange(-kMostLoraStrength, kMostLoraStrength);
  strength->setSingleStep(0.05);
  strength->setDecimals(2);
  strength->setValue(lora.strength);
  strength->setAccessibleName(tr("Strength of %1").arg(file->text()));
  table_->setCellWidget(row, kStrength, strength);
  auto* expert = new QComboBox(table_);
  expert->setAccessibleName(tr("Expert of %1").arg(file->text()));
  expert->addItem(tr("both"), QString());
  for (const std::string& name : experts_) {
    expert->addItem(to_qt(name), to_qt(name));
  }
  expert->setCurrentIndex(std::max(0, expert->findData(to_qt(lora.expert))));
  table_->setCellWidget(row, kExpert, expert);
  const auto tell = [this] {
    if (!filling_) {
      Q_EMIT changed();
    }
  };
  connect(strength, &QDoubleSpinBox::valueChanged, this, tell);
  connect(expert, &QComboBox::currentIndexChanged, this, tell);
}

void LoraList::ask() {
  add(QFileDialog::getOpenFileNames(this, tr("LoRA files"), QString(),
                                    tr("LoRA files (*.safetensors)")));
}

void LoraList::remove_chosen() {
  std::vector<LoraChoice> left = loras();
  int row = table_->currentRow();
  if (row < 0) {
    row = table_->rowCount() - 1;
  }
  if (row >= 0) {
    left.erase(left.begin() + row);
    set_loras(left);
  }
}

// As high as its rows, up to some; none where there is no LoRA.
void LoraList::fit() {
  const int rows = std::min(table_->rowCount(), kRowsShown);
  int height = table_->horizontalHeader()->sizeHint().height() + 2 * table_->frameWidth();
  for (int row = 0; row < rows; ++row) {
    height += table_->rowHeight(row);
  }
  table_->setFixedHeight(height);
  table_->setVisible(rows > 0);
  remove_->setEnabled(rows > 0);
}

void LoraList::dragEnterEvent(QDragEnterEvent* event) {
  if (!files_of(event->mimeData()).isEmpty()) {
    event->acceptProposedAction();
  }
}

void LoraList::dropEvent(QDropEvent* event) {
  add(files_of(event->mimeData()));
  event->acceptProposedAction();
}

}  // namespace twill::gui
