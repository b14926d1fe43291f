// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// LoRAs that are merged into the model, each with a strength and, of two experts, the one that gets
// it.
#pragma once

#include <QStringList>
#include <QWidget>
#include <string>
#include <vector>

#include "twill/plan/lora_choice.h"

class QPushButton;
class QTableWidget;

namespace twill::gui {

class LoraList : public QWidget {
  Q_OBJECT

 public:
  explicit LoraList(QWidget* parent);

  // Of the model: one, or two by their names; a LoRA of an expert that is gone is for all.
  void set_experts(const std::vector<std::string>& experts);
  std::vector<LoraChoice> loras() const;
  void set_loras(const std::vector<LoraChoice>& loras);
  void add(const QStringList& files);

 Q_SIGNALS:
  void changed();

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;

 private:
  void ask();
  void remove_chosen();
  void add_row(const LoraChoice& lora);
  void fit();

  std::vector<std::string> experts_;
  QTableWidget* table_ = nullptr;
  QPushButton* remove_ = nullptr;
  bool filling_ = false;  // rows change together; one `changed` follows
};

}  // namespace twill::gui
