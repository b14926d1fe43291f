// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Steps, shift, guidance and sampler that belong together: the model's own, and what is published
// for its weights.
#pragma once

#include <QComboBox>
#include <optional>
#include <vector>

#include "twill/jobs/model_facts.h"
#include "twill/report/clip_settings.h"

namespace twill::gui {

class SettingChoice : public QComboBox {
  Q_OBJECT

 public:
  explicit SettingChoice(QWidget* parent = nullptr);

  void set_model(const std::optional<jobs::ModelFacts>& facts);
  // Shows which setting these fields are, the chosen one before others that are alike; "own" where
  // they are none.
  void show_for(const report::ClipSettings& fields);
  // Whether the chosen one needs a LoRA that makes few steps do.
  bool distilled() const;

 Q_SIGNALS:
  // By the user: steps, shift, cfg and sampler, with width and height where the setting is of a
  // size.
  void picked(const twill::report::ClipSettings& fields);

 private:
  struct Choice {
    report::ClipSettings fields;
    bool distilled = false;
  };
  void add(const QString& text, const QString& from, const Choice& choice);
  bool is(const Choice& choice, const report::ClipSettings& fields) const;

  std::vector<Choice> choices_;  // of all items but the last
};

}  // namespace twill::gui
