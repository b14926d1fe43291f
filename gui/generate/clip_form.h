// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a clip is asked for with: model, prompt, size, steps and the like.
#pragma once

#include <QWidget>
#include <memory>
#include <optional>
#include <vector>

#include "twill/jobs/model_facts.h"
#include "twill/jobs/model_folders.h"
#include "twill/plan/prompt_weights.h"
#include "twill/report/clip_record.h"

class QComboBox;
class QDoubleSpinBox;
class QFormLayout;
class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QSpinBox;

namespace twill::gui {

class LoraList;
class PictureEdit;
class SeedEdit;
class SettingChoice;

class ClipForm : public QWidget {
  Q_OBJECT

 public:
  explicit ClipForm(QWidget* parent = nullptr);

  // Keeps the chosen one where it is still there.
  void set_models(const std::vector<jobs::FoundModel>& models);
  // Empty: no model that runs is chosen, and `model_problem` says why.
  const std::optional<jobs::ModelFacts>& facts() const { return facts_; }
  QString model_problem() const { return model_problem_; }
  // False when there is no such model in the list.
  bool choose_model(const std::filesystem::path& path);

  // A row of the page's own below the form's, in its columns; the label may be empty.
  void add_row(const QString& label, QWidget* field);
  // Whether there is a GPU whose memory may be limited; none at first.
  void set_has_gpu(bool has_gpu);

  QSize minimumSizeHint() const override;

  // Whether the chosen model makes no clip without a start picture; false without one.
  bool needs_start() const;
  // As the fields stand; every optional but dtype and vram_gib is filled in.
  report::ClipSettings settings() const;
  QString prompt() const;
  std::uint64_t seed() const;
  void set_prompt(const QString& prompt);
  void set_seed(std::uint64_t seed);
  // Fills the fields; the model stays, and so do the pictures, which a record does not hold. LoRAs
  // are looked for by their names where ComfyUI has them.
  void set_record(const report::ClipRecord& record);

 Q_SIGNALS:
  void changed();
  // The user wants to see where models are looked for.
  void models_asked();

 private:
  bool has_two_experts() const;
  void set_guidance(const Guidance& guidance);
  Guidance guidance() const;
  // Of the chosen model's family; null without one.
  const ModelFamily* family() const;
  void add_pictures(QFormLayout& form);
  void add_numbers(QFormLayout& form);
  void fit_to_model();
  void take_model();
  void take_defaults(const report::ClipSettings& defaults);
  void take_size(int index);
  void take_setting(const report::ClipSettings& fields);
  void show_choices();
  static QString weights_text(PromptWeights weights);

  QComboBox* model_ = nullptr;
  QPlainTextEdit* prompt_ = nullptr;
  PictureEdit* image_ = nullptr;
  PictureEdit* end_image_ = nullptr;
  LoraList* loras_ = nullptr;
  QComboBox* size_ = nullptr;
  QSpinBox* width_ = nullptr;
  QSpinBox* height_ = nullptr;
  QSpinBox* frames_ = nullptr;
  SettingChoice* setting_ = nullptr;
  QLabel* setting_note_ = nullptr;
  QSpinBox* steps_ = nullptr;
  SeedEdit* seed_ = nullptr;
  QComboBox* sampler_ = nullptr;
  QDoubleSpinBox* shift_ = nullptr;
  QDoubleSpinBox* cfg_ = nullptr;
  QDoubleSpinBox* second_cfg_ = nullptr;  // of the other expert, where there are two
  QLineEdit* negative_ = nullptr;
  QComboBox* weights_ = nullptr;
  QDoubleSpinBox* fps_ = nullptr;
  QComboBox* dtype_ = nullptr;
  QDoubleSpinBox* vram_ = nullptr;
  std::vector<jobs::FoundModel> models_;
  std::optional<jobs::ModelFacts> facts_;
  QString model_problem_;
  bool filling_ = false;  // fields change together; one `changed` follows
};

}  // namespace twill::gui
