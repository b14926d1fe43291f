// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which plan a clip is made by: none, the one that is open, or one of a file.
#pragma once

#include <QComboBox>

#include "generate/clip_queue.h"

namespace twill::gui {

class PlanDocument;

class PlanChoice : public QComboBox {
  Q_OBJECT

 public:
  explicit PlanChoice(PlanDocument& document, QWidget* parent = nullptr);

  bool dense() const;
  // False for dense attention, and for the open plan when it holds no profile; what a file holds is
  // known when it is read.
  bool can_adapt() const;
  // Puts the plan, or its file, into the request.
  void fill(ClipRequest& request) const;
  void choose_dense();
  // Chooses the plan whose name and fingerprint a clip's record has; false when neither the open
  // plan's file nor a file that was chosen before is that plan.
  bool choose_recorded(const report::ClipRecord& record);
  // Adds the file and chooses it.
  void choose_file(const QString& file);

 Q_SIGNALS:
  void changed();

 private:
  enum class Kind { kDense, kOpen, kFile, kOther };
  void refresh();
  void ask_for_file();

  PlanDocument& document_;
  QStringList files_;
  QString chosen_;  // data of the item: "dense", "open" or a file
  bool refreshing_ = false;
};

}  // namespace twill::gui
