// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Edits of the heads that are selected and of the segment that is shown, each an undoable step.
#pragma once

#include <QWidget>
#include <vector>

#include "plan/plan_edits.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QPushButton;

namespace twill::gui {

class PatternEditor;
class PlanDocument;

class PlanPanel : public QWidget {
  Q_OBJECT

 public:
  explicit PlanPanel(PlanDocument& document, QWidget* parent = nullptr);

  void set_segment(std::size_t segment);
  void set_heads(std::vector<HeadRef> heads);
  // Both edit the selected heads, in this segment or in all sparse ones as the panel says.
  void apply_pattern(const Pattern& pattern);
  void apply_fixed(bool fixed);

 Q_SIGNALS:
  // An edit that the plan cannot take, in one sentence.
  void refused(const QString& sentence);

 private:
  void refresh();
  template <typename Edit>
  void edit(const QString& text, const Edit& change);
  std::vector<std::size_t> segments() const;

  PlanDocument& document_;
  std::size_t segment_ = 0;
  std::vector<HeadRef> heads_;
  QLabel* selection_ = nullptr;
  PatternEditor* pattern_ = nullptr;
  QComboBox *scope_ = nullptr, *precision_ = nullptr;
  QCheckBox *fixed_ = nullptr, *dense_segment_ = nullptr;
  QPushButton *split_ = nullptr, *join_ = nullptr;
};

}  // namespace twill::gui
