// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Page: find a plan for a model, watch its heads while they are measured, stop and go on.
#pragma once

#include <memory>

#include "base/job_thread.h"
#include "base/page.h"
#include "plan/session.h"
#include "twill/jobs/search.h"

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QProgressBar;
class QPushButton;
class QSpinBox;

namespace twill::gui {

class ModelList;
class PictureView;

class SearchPage : public Page {
  Q_OBJECT

 public:
  explicit SearchPage(const Session& session);
  ~SearchPage() override;

  QString id() const override { return QStringLiteral("search"); }
  QString title() const override { return tr("Search"); }
  QString icon_name() const override { return QStringLiteral("search"); }
  QKeySequence shortcut() const override { return {Qt::CTRL | Qt::Key_4}; }
  QWidget* widget() override { return widget_; }
  void save_state(QSettings& settings) const override;
  void restore_state(QSettings& settings) override;
  bool may_close() override;

  ModelList& models() { return *models_; }
  bool running() const { return job_.running(); }
  // Empty while a search runs or before the first; else how the last one ended.
  std::optional<jobs::OutcomeKind> last_end() const { return last_end_; }

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void build();
  QWidget* make_form();
  void connect_job();
  jobs::SearchOptions options() const;
  QString problem() const;
  void update_buttons();
  void take_model();
  void take_wish();
  void start();
  void end(const jobs::Outcome& outcome);
  void tell(const QString& sentence);

  Session session_;
  std::unique_ptr<ModelList> models_;
  QWidget* widget_ = nullptr;
  QComboBox* model_ = nullptr;
  QPlainTextEdit* prompts_ = nullptr;
  QComboBox* budget_kind_ = nullptr;
  QDoubleSpinBox* budget_ = nullptr;
  QSpinBox* segments_ = nullptr;
  QSpinBox* points_ = nullptr;
  QSpinBox* steps_ = nullptr;
  QLineEdit* out_ = nullptr;
  QPushButton* start_ = nullptr;
  QPushButton* stop_ = nullptr;
  QProgressBar* progress_ = nullptr;
  QLabel* message_ = nullptr;
  PictureView* heads_ = nullptr;
  std::shared_ptr<jobs::SearchResult> result_;
  std::optional<jobs::OutcomeKind> last_end_;
  JobThread job_;
};

}  // namespace twill::gui
