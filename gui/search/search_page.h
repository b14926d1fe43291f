// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Page: find a plan for a model, watch its heads while they are measured, stop and go on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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
  QStringList lost_by_closing() const override;
  void stop() override;

  ModelList& models() { return *models_; }
  bool running() const { return job_.running(); }
  // What the last search measured is kept there; empty before the first.
  std::filesystem::path work_folder() const {
    return begun_ ? begun_->work : std::filesystem::path();
  }
  // Empty while a search runs or before the first; else how the last one ended.
  std::optional<jobs::OutcomeKind> last_end() const { return last_end_; }

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void build();
  QWidget* make_form();
  void connect_job();
  ModelFiles chosen_model() const;
  jobs::SearchOptions options() const;
  QString problem() const;
  void update_buttons();
  void show_models();
  void take_model();
  void take_wish();
  // False: the plan's file may not be written.
  bool agree_on_file();
  void start();
  void end(const jobs::Outcome& outcome);
  void tell(const QString& sentence);

  // What decides what a search measures; `out` and the target do not.
  struct Measured {
    std::filesystem::path model;
    std::vector<std::string> prompts;
    std::int32_t steps = 0, points = 0;
    friend bool operator==(const Measured&, const Measured&) = default;
  };
  static Measured measured_by(const jobs::SearchOptions& options);
  // The last search that was begun: one that measures the same goes on from what its folder holds.
  struct Begun {
    Measured measured;
    std::filesystem::path work;
    bool stopped = false;
  };
  bool goes_on() const;
  void save_begun(QSettings& settings) const;
  void restore_begun(QSettings& settings);

  Session session_;
  std::unique_ptr<ModelList> models_;
  std::filesystem::path taken_model_;  // whose steps and prompts the form was given
  std::optional<Begun> begun_;
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
  QLabel* problem_ = nullptr;  // why no search can begin
  QLabel* message_ = nullptr;
  PictureView* heads_ = nullptr;
  std::shared_ptr<report::SearchResult> result_;
  std::optional<jobs::OutcomeKind> last_end_;
  QString agreed_file_;  // that the running or stopped search may replace
  JobThread job_;
};

}  // namespace twill::gui
