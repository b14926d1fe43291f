// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A form for one pattern: its kind and numbers.
#pragma once

#include <QWidget>
#include <functional>
#include <vector>

#include "twill/plan/pattern.h"

class QComboBox;
class QFormLayout;

namespace twill::gui {

class PatternEditor : public QWidget {
  Q_OBJECT

 public:
  explicit PatternEditor(QWidget* parent = nullptr);

  // `known`: patterns to choose from whole (candidates of the profile); unions only come from
  // there.
  void set_known(const std::vector<Pattern>& known);
  void set_pattern(const Pattern& pattern);
  const Pattern& pattern() const { return pattern_; }

 Q_SIGNALS:
  // By the user.
  void edited(const twill::Pattern& pattern);

 private:
  void fill_choices();
  void fill_form();
  void add_number(const QString& title, const char* name, double value, double most, bool whole,
                  std::function<void(SimplePattern&, double)> set);
  void choose_kind(PatternKind kind);

  Pattern pattern_;
  bool filled_ = false;
  std::vector<Pattern> known_;
  QComboBox *kind_ = nullptr, *choice_ = nullptr;
  QFormLayout* form_ = nullptr;
};

}  // namespace twill::gui
