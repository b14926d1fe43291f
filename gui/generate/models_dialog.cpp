// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/models_dialog.h"

#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QTreeWidget>
#include <QVBoxLayout>

#include "base/model_list.h"
#include "base/text.h"
#include "twill/jobs/comfy_folders.h"

namespace twill::gui {
namespace {

enum PlaceColumn { kPath, kWhat };
enum FoundColumn { kModel, kState, kSize };

QTreeWidget* table(QWidget* parent, const char* name, const QStringList& headers, int stretched) {
  auto* tree = new QTreeWidget(parent);
  tree->setObjectName(QString::fromLatin1(name));
  tree->setHeaderLabels(headers);
  tree->setRootIsDecorated(false);
  tree->setUniformRowHeights(true);
  tree->setAlternatingRowColors(true);
  tree->header()->setStretchLastSection(false);
  for (int column = 0; column < tree->columnCount(); ++column) {
    tree->header()->setSectionResizeMode(
        column, column == stretched ? QHeaderView::Stretch : QHeaderView::ResizeToContents);
  }
  return tree;
}

QString state_of(const jobs::FoundModel& model) {
  if (model.obstacle.empty()) {
    return ModelsDialog::tr("ready");
  }
  if (model.missing.empty()) {
    return ModelsDialog::tr("cannot run");
  }
  QStringList files;
  for (const jobs::MissingPart& part : model.missing) {
    files.append(to_qt(part.file));
  }
  return ModelsDialog::tr("lacks %1").arg(files.join(QStringLiteral(", ")));
}

}  // namespace

ModelsDialog::ModelsDialog(ModelList& models, QWidget* parent) : QDialog(parent), models_(models) {
  setObjectName(QStringLiteral("models_dialog"));
  setWindowTitle(tr("Models"));
  build();
  resize(860, 560);
  connect(&models_, &ModelList::changed, this, &ModelsDialog::fill);
  fill();
}

void ModelsDialog::build() {
  auto* rows = new QVBoxLayout(this);
  auto* looked = new QLabel(tr("&Looked for in"), this);
  rows->addWidget(looked);
  places_ = table(this, "places", {tr("Place"), tr("What it is")}, kPath);
  places_->setMaximumHeight(140);
  looked->setBuddy(places_);
  rows->addWidget(places_);
  auto* buttons = new QHBoxLayout;
  const auto button = [&](const QString& text, const char* name, void (ModelsDialog::*slot)()) {
    auto* made = new QPushButton(text, this);
    made->setObjectName(QString::fromLatin1(name));
    made->setAutoDefault(false);
    buttons->addWidget(made);
    connect(made, &QPushButton::clicked, this, slot);
    return made;
  };
  button(tr("Add a folder..."), "add_folder", &ModelsDialog::ask_for_folder)
      ->setToolTip(tr("ComfyUI's folder, or one of models of your own."));
  button(tr("Add ComfyUI's extra_model_paths.yaml..."), "add_list", &ModelsDialog::ask_for_list);
  forget_ = button(tr("Forget the place"), "forget_place", &ModelsDialog::forget);
  buttons->addStretch();
  rows->addLayout(buttons);
  summary_ = new QLabel(this);
  summary_->setObjectName(QStringLiteral("found_summary"));
  rows->addWidget(summary_);
  found_ = table(this, "found", {tr("Model"), tr("State"), tr("Size")}, kState);
  summary_->setBuddy(found_);
  rows->addWidget(found_, 1);
  details_ = new QLabel(this);
  details_->setObjectName(QStringLiteral("model_details"));
  details_->setWordWrap(true);
  details_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  rows->addWidget(details_);
  auto* box = new QDialogButtonBox(QDialogButtonBox::Close, this);
  use_ = box->addButton(tr("&Use this model"), QDialogButtonBox::ActionRole);
  use_->setObjectName(QStringLiteral("use_model"));
  use_->setDefault(true);
  box->button(QDialogButtonBox::Close)->setIcon(QIcon());  // the style's is dark on dark
  rows->addWidget(box);
  connect(box, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(use_, &QPushButton::clicked, this, &ModelsDialog::use);
  connect(found_, &QTreeWidget::itemSelectionChanged, this, &ModelsDialog::say_model);
  connect(found_, &QTreeWidget::itemDoubleClicked, this, &ModelsDialog::use);
  connect(places_, &QTreeWidget::itemSelectionChanged, this, [this] {
    const auto* item = places_->currentItem();
    forget_->setEnabled(item != nullptr && item->isSelected() &&
                        item->data(kPath, Qt::UserRole).toBool());
  });
}

void ModelsDialog::fill() {
  fill_places();
  fill_found();
}

void ModelsDialog::add_row(const QString& path, const QString& what, bool own) {
  auto* item = new QTreeWidgetItem(
      places_, {path, QFileInfo::exists(path) ? what : tr("%1, not there").arg(what)});
  item->setToolTip(kPath, path);
  item->setData(kPath, Qt::UserRole, own);
}

void ModelsDialog::fill_places() {
  places_->clear();
  if (!models_.demo().isEmpty()) {
    add_row(models_.demo(), tr("comes with Twill"), false);
  }
  for (const QString& folder : models_.found_comfy()) {
    add_row(folder, tr("ComfyUI, found by itself"), false);
  }
  for (const QString& list : models_.lists()) {
    add_row(list, QFileInfo(list).isDir() ? tr("ComfyUI, yours") : tr("ComfyUI's list, yours"),
            true);
  }
  for (const QString& folder : models_.folders()) {
    add_row(folder, tr("folder of yours"), true);
  }
  forget_->setEnabled(false);
}

void ModelsDialog::fill_found() {
  const int before = chosen_row();
  const std::filesystem::path kept =
      before < 0 ? std::filesystem::path() : path_from_qt(found_->currentItem()->toolTip(kModel));
  found_->clear();
  int ready = 0;
  for (const jobs::FoundModel& model : models_.models()) {
    auto* item = new QTreeWidgetItem(
        found_, {to_qt(model.name), state_of(model),
                 QLocale().formattedDataSize(model.bytes, 1, QLocale::DataSizeSIFormat)});
    item->setToolTip(kModel, path_to_qt(model.files.path));
    item->setToolTip(kState, item->text(kState));
    item->setTextAlignment(kSize, Qt::AlignRight | Qt::AlignVCenter);
    ready += model.obstacle.empty() ? 1 : 0;
    if (found_->topLevelItemCount() == 1 || model.files.path == kept) {
      found_->setCurrentItem(item);
    }
  }
  QStringList lines;
  const int all = static_cast<int>(models_.models().size());
  lines.append(models_.looking() && all == 0
                   ? tr("Looking for models...")
                   : tr("&Found: %n model(s), %1 ready", nullptr, all).arg(ready));
  if (models_.found_comfy().isEmpty() && models_.lists().isEmpty() && !models_.looking()) {
    lines.append(tr("No ComfyUI was found in its usual places; add its folder if you have one."));
  }
  lines += models_.problems();
  summary_->setText(lines.join(QLatin1Char('\n')));
  say_model();
}

int ModelsDialog::chosen_row() const {
  auto* item = found_->currentItem();
  return item != nullptr && item->isSelected() ? found_->indexOfTopLevelItem(item) : -1;
}

void ModelsDialog::say_model() {
  const int row = chosen_row();
  const bool is_there = row >= 0 && row < static_cast<int>(models_.models().size());
  use_->setEnabled(is_there && models_.models()[static_cast<std::size_t>(row)].obstacle.empty());
  if (!is_there) {
    details_->clear();
    return;
  }
  const jobs::FoundModel& model = models_.models()[static_cast<std::size_t>(row)];
  QStringList lines;
  for (const jobs::MissingPart& part : model.missing) {
    lines.append(to_qt(part.sentence));
  }
  if (lines.isEmpty()) {
    const std::string& said = model.obstacle.empty() ? model.network : model.obstacle;
    const QString path = path_to_qt(model.files.path);
    lines.append(said.empty() ? path : tr("%1: %2").arg(path, to_qt(said)));
  }
  details_->setText(lines.join(QLatin1Char('\n')));
}

void ModelsDialog::add_place(const QString& path) {
  QStringList folders = models_.folders();
  QStringList lists = models_.lists();
  const bool comfy = QFileInfo(path).isFile() || jobs::is_comfy_folder(path_from_qt(path));
  QStringList& places = comfy ? lists : folders;
  if (path.isEmpty() || places.contains(path) || models_.found_comfy().contains(path)) {
    return;
  }
  places.append(path);
  models_.set_places(folders, lists);
  fill_places();
}

void ModelsDialog::ask_for_folder() {
  add_place(QFileDialog::getExistingDirectory(this, tr("Folder of models or of ComfyUI")));
}

void ModelsDialog::ask_for_list() {
  add_place(QFileDialog::getOpenFileName(this, tr("ComfyUI's extra_model_paths.yaml"), QString(),
                                         tr("YAML (*.yaml *.yml)")));
}

void ModelsDialog::forget() {
  const auto* item = places_->currentItem();
  if (item == nullptr || !item->data(kPath, Qt::UserRole).toBool()) {
    return;
  }
  QStringList folders = models_.folders();
  QStringList lists = models_.lists();
  folders.removeAll(item->text(kPath));
  lists.removeAll(item->text(kPath));
  models_.set_places(folders, lists);
  fill_places();
}

void ModelsDialog::use() {
  const int row = chosen_row();
  if (row >= 0 && use_->isEnabled()) {
    chosen_ = models_.models()[static_cast<std::size_t>(row)].files.path;
    accept();
  }
}

}  // namespace twill::gui
