// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where models are looked for, what was found there and what it lacks; adds places and chooses a
// model.
#pragma once

#include <QDialog>
#include <QString>
#include <filesystem>

class QLabel;
class QPushButton;
class QTreeWidget;

namespace twill::gui {

class ModelList;

class ModelsDialog : public QDialog {
  Q_OBJECT

 public:
  explicit ModelsDialog(ModelList& models, QWidget* parent = nullptr);

  // A folder of models, a folder of ComfyUI or its extra_model_paths.yaml: told apart by what is
  // there.
  void add_place(const QString& path);
  // Of the model that was chosen; empty when none was.
  std::filesystem::path chosen() const { return chosen_; }

 private:
  void build();
  void fill();
  void fill_places();
  void fill_found();
  void add_row(const QString& path, const QString& what, bool own);
  void say_model();
  void ask_for_folder();
  void ask_for_list();
  void forget();
  void use();
  int chosen_row() const;

  ModelList& models_;
  std::filesystem::path chosen_;
  QTreeWidget *places_ = nullptr, *found_ = nullptr;
  QLabel *summary_ = nullptr, *details_ = nullptr;
  QPushButton *forget_ = nullptr, *use_ = nullptr;
};

}  // namespace twill::gui
