// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/clip_queue.h"

#include <QMetaObject>
#include <algorithm>

#include "base/text.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {
namespace {

// In the job's thread: plans with a profile take a while to write.
std::filesystem::path write_snapshot(const ClipRequest& request, const QString& folder) {
  const std::filesystem::path file =
      path_from_qt(folder) /
      (request.plan_name.isEmpty() ? "plan.json" : from_qt(request.plan_name));
  write_plan(file, *request.plan);
  return file;
}

}  // namespace

ClipQueue::ClipQueue(QObject* parent) : QAbstractListModel(parent) {
  connect(&job_, &JobThread::progressed, this, &ClipQueue::show_progress);
  connect(&job_, &JobThread::noted, this, &ClipQueue::noted);
  connect(&job_, &JobThread::ended, this, &ClipQueue::finish);
}

ClipQueue::~ClipQueue() { job_.stop(); }

int ClipQueue::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(entries_.size());
}

QVariant ClipQueue::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) {
    return {};
  }
  const Entry& shown = entry(index.row());
  switch (role) {
    case Qt::DisplayRole:
      return QStringLiteral("%1\n%2").arg(to_qt(shown.request.options.prompts.front()),
                                          state_text(shown));
    case Qt::ToolTipRole:
      return shown.failure.isEmpty() ? to_qt(shown.request.options.prompts.front()) : shown.failure;
    case kStateRole:
      return static_cast<int>(shown.state);
    case kProgressRole:
      return shown.per_cent;
    default:
      return {};
  }
}

QString ClipQueue::state_text(const Entry& shown) const {
  switch (shown.state) {
    case RequestState::kQueued:
      return tr("waiting");
    case RequestState::kRunning:
      return shown.stage.isEmpty() ? tr("running")
                                   : tr("%1, %2 %").arg(shown.stage).arg(shown.per_cent);
    case RequestState::kFinished:
      if (shown.clip && shown.clip->quality) {
        const double psnr_db = shown.clip->quality->psnr_db;
        const std::optional<double> speedup = shown.clip->speedup();
        return speedup ? tr("%1 dB, %2x faster").arg(psnr_db, 0, 'f', 1).arg(*speedup, 0, 'f', 2)
                       : tr("%1 dB, the plan took no part").arg(psnr_db, 0, 'f', 1);
      }
      return tr("finished in %1 s")
          .arg(shown.clip ? shown.clip->times.denoise + shown.clip->times.vae : 0.0, 0, 'f', 1);
    case RequestState::kCancelled:
      return tr("cancelled");
    case RequestState::kFailed:
      return tr("failed: %1").arg(shown.failure);
  }
  return {};
}

int ClipQueue::add(ClipRequest request) {
  TWILL_ASSERT(request.options.prompts.size() == 1);
  const int row = static_cast<int>(entries_.size());
  beginInsertRows({}, row, row);
  entries_.push_back({.id = next_id_++, .request = std::move(request)});
  endInsertRows();
  start_next();
  return row;
}

int ClipQueue::running_row() const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& one) { return one.id == running_; });
  return found == entries_.end() ? -1 : static_cast<int>(found - entries_.begin());
}

void ClipQueue::cancel(int row) {
  if (entry(row).state == RequestState::kRunning) {
    job_.stop();
  } else if (entry(row).state == RequestState::kQueued) {
    entry(row).state = RequestState::kCancelled;
    changed(row);
    Q_EMIT ended(row);
  }
}

void ClipQueue::cancel_all() {
  for (int row = rowCount() - 1; row >= 0; --row) {
    cancel(row);
  }
}

void ClipQueue::remove(int row) {
  TWILL_ASSERT(entry(row).state != RequestState::kRunning);
  beginRemoveRows({}, row, row);
  entries_.erase(entries_.begin() + row);
  endRemoveRows();
}

void ClipQueue::mark_saved(const std::shared_ptr<const report::GeneratedClip>& clip) {
  for (Entry& one : entries_) {
    one.saved = one.saved || one.clip == clip;
  }
}

int ClipQueue::unsaved_clips() const {
  int count = 0;
  for (int row = 0; row < rowCount(); ++row) {
    count += unsaved(row) ? 1 : 0;
  }
  return count;
}

void ClipQueue::changed(int row) { Q_EMIT dataChanged(index(row), index(row)); }

jobs::PreviewHook ClipQueue::preview_hook() {
  return [this](const jobs::Preview& preview) {
    auto frames = std::make_shared<const media::RgbClip>(preview.frames);
    const QString stage =
        tr("%1, step %2 of %3").arg(to_qt(preview.stage)).arg(preview.step).arg(preview.steps);
    QMetaObject::invokeMethod(
        this,
        [this, frames, stage] {
          if (running_ != 0) {
            Q_EMIT previewed(frames, stage);
          }
        },
        Qt::QueuedConnection);
  };
}

void ClipQueue::start_next() {
  if (job_.running()) {
    return;
  }
  const auto next = std::find_if(entries_.begin(), entries_.end(), [](const Entry& one) {
    return one.state == RequestState::kQueued;
  });
  if (next == entries_.end()) {
    return;
  }
  next->state = RequestState::kRunning;
  running_ = next->id;
  const int row = static_cast<int>(next - entries_.begin());
  result_ = std::make_shared<report::GenerateResult>();
  job_.start([request = next->request, result = result_, hook = preview_hook(),
              folder = &plans_](const jobs::JobControl& control) {
    jobs::GenerateOptions options = request.options;
    options.keep_frames = true;
    options.preview = hook;
    if (request.plan) {
      options.plan = write_snapshot(request, folder->path());
    }
    *result = jobs::generate(options, control);
  });
  changed(row);
  Q_EMIT started(row);
}

void ClipQueue::show_progress(const jobs::Progress& progress) {
  const int row = running_row();
  if (row < 0) {
    return;
  }
  entry(row).stage = to_qt(progress.stage);
  entry(row).per_cent =
      progress.total > 0 ? static_cast<int>(100 * progress.done / progress.total) : 0;
  changed(row);
  Q_EMIT progressed(progress);
}

void ClipQueue::finish(const jobs::Outcome& outcome) {
  const int row = running_row();
  TWILL_ASSERT(row >= 0);
  running_ = 0;
  Entry& done = entry(row);
  switch (outcome.kind) {
    case jobs::OutcomeKind::kFinished:
      done.state = RequestState::kFinished;
      done.clip = std::make_shared<const report::GeneratedClip>(std::move(result_->clips.front()));
      break;
    case jobs::OutcomeKind::kCancelled:
      done.state = RequestState::kCancelled;
      break;
    case jobs::OutcomeKind::kFailed:
      done.state = RequestState::kFailed;
      done.failure = to_qt(outcome.text);
      break;
  }
  result_.reset();
  changed(row);
  Q_EMIT ended(row);
  start_next();
}

}  // namespace twill::gui
