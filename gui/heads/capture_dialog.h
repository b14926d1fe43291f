// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Asks what to capture the selected heads' attention from, says what memory it will take, and runs
// it.
#pragma once

#include <QDialog>
#include <memory>
#include <vector>

#include "base/job_thread.h"
#include "base/model_list.h"
#include "heads/head_inspector.h"
#include "plan/session.h"
#include "twill/jobs/capture.h"
#include "twill/jobs/model_facts.h"

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QProgressBar;
class QPushButton;

namespace twill::gui {

class SeedEdit;

class CaptureDialog : public QDialog {
  Q_OBJECT

 public:
  // For heads of plans of this model; `t` is what it offers first.
  CaptureDialog(const Session& session, ModelShape model, std::vector<HeadRef> heads, double t,
                QWidget* parent = nullptr);

 public Q_SLOTS:
  // Stops what runs; the dialog closes when it has stopped.
  void reject() override;

 Q_SIGNALS:
  void captured(const twill::gui::CapturedMaps& maps);

 private:
  void build(double t);
  void read_models();
  void take_models(const jobs::Outcome& outcome);
  void model_chosen();
  void say_memory();
  void start();
  void take_maps(const jobs::Outcome& outcome);
  const jobs::ModelFacts* facts() const;
  report::ClipSettings clip() const;
  void tell(const QString& sentence);

  Session session_;
  ModelShape shape_;
  std::vector<HeadRef> heads_;
  ModelList models_;
  JobThread reader_;
  JobThread capture_;
  std::shared_ptr<std::vector<jobs::ModelFacts>> reading_;
  std::vector<jobs::ModelFacts> fitting_;  // models of the shape, in the order of the combo box
  std::shared_ptr<jobs::CaptureResult> result_;
  bool closing_ = false;

  QComboBox *model_ = nullptr, *size_ = nullptr;
  QLineEdit* prompt_ = nullptr;
  SeedEdit* seed_ = nullptr;
  QDoubleSpinBox* t_ = nullptr;
  QLabel *memory_ = nullptr, *message_ = nullptr;
  QProgressBar* progress_ = nullptr;
  QPushButton* start_ = nullptr;
};

}  // namespace twill::gui
