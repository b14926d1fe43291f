// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Clips that were asked for: one is made at a time, in the order of asking.
#pragma once

#include <QAbstractListModel>
#include <memory>
#include <vector>

#include "base/job_thread.h"
#include "base/process_folder.h"
#include "twill/jobs/generate.h"
#include "twill/plan/plan.h"

namespace twill::gui {

using ClipPtr = std::shared_ptr<const media::RgbClip>;

struct ClipRequest {
  jobs::GenerateOptions options;     // of one prompt; `plan` is empty when `plan` below is set
  std::shared_ptr<const Plan> plan;  // as it was when the clip was asked for; null: dense or a file
  QString plan_name;                 // of `plan`: what its file is called
};

enum class RequestState : std::uint8_t { kQueued, kRunning, kFinished, kCancelled, kFailed };

class ClipQueue : public QAbstractListModel {
  Q_OBJECT

 public:
  // What every row has besides its text and tooltip.
  enum Role { kStateRole = Qt::UserRole, kProgressRole /* per cent of a running row */ };

  explicit ClipQueue(QObject* parent = nullptr);
  ~ClipQueue() override;

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;

  // The new row.
  int add(ClipRequest request);
  // Takes a waiting row out of the run, or asks the running one to stop.
  void cancel(int row);
  void cancel_all();
  // Takes out a row that is not running.
  void remove(int row);

  RequestState state(int row) const { return entry(row).state; }
  const ClipRequest& request(int row) const { return entry(row).request; }
  // Null unless the row is finished.
  std::shared_ptr<const report::GeneratedClip> clip(int row) const { return entry(row).clip; }
  // Finished clips are only in memory until they were saved.
  void mark_saved(const std::shared_ptr<const report::GeneratedClip>& clip);
  bool unsaved(int row) const { return entry(row).clip && !entry(row).saved; }
  int unsaved_clips() const;
  // One sentence, of a row that failed.
  QString failure(int row) const { return entry(row).failure; }
  bool busy() const { return job_.running(); }
  int running_row() const;

 Q_SIGNALS:
  void started(int row);
  void previewed(const twill::gui::ClipPtr& preview, const QString& stage);
  void progressed(const twill::jobs::Progress& progress);
  void noted(const QString& sentence);
  // A row's last word: its state is finished, cancelled or failed and stays so.
  void ended(int row);

 private:
  struct Entry {
    std::uint64_t id = 0;
    ClipRequest request;
    RequestState state = RequestState::kQueued;
    std::shared_ptr<const report::GeneratedClip> clip;
    bool saved = false;
    QString failure;
    QString stage;
    int per_cent = 0;
  };

  const Entry& entry(int row) const { return entries_.at(static_cast<std::size_t>(row)); }
  Entry& entry(int row) { return entries_.at(static_cast<std::size_t>(row)); }
  QString state_text(const Entry& entry) const;
  void start_next();
  void finish(const jobs::Outcome& outcome);
  void changed(int row);
  void show_progress(const jobs::Progress& progress);
  jobs::PreviewHook preview_hook();

  std::vector<Entry> entries_;
  std::uint64_t next_id_ = 1;
  std::uint64_t running_ = 0;  // id; 0: none
  std::shared_ptr<report::GenerateResult> result_;
  ScratchFolder plans_;  // used by the job
  JobThread job_;        // goes first: its work uses what stands above
};

}  // namespace twill::gui
