// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/recovery.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QUuid>
#include <utility>

#include "base/text.h"
#include "plan/plan_document.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {
namespace {

constexpr int kSoonMs = 200;  // edits that follow each other faster are written together
constexpr const char* kPlanFileKey = "studio_recovery_of";

QString lock_of(const QString& recovery_file) { return recovery_file + QStringLiteral(".lock"); }

}  // namespace

Recovery::Recovery(PlanDocument& document, const QString& folder, QObject* parent)
    : QObject(parent), document_(document), folder_(folder) {
  QDir().mkpath(folder_);
  file_ = QDir(folder_).filePath(QUuid::createUuid().toString(QUuid::WithoutBraces) +
                                 QStringLiteral(".json"));
  lock_ = std::make_unique<QLockFile>(lock_of(file_));
  // Only a process that is no more loses its lock, however long it was idle.
  lock_->setStaleLockTime(0);
  lock_->tryLock(0);
  soon_.setSingleShot(true);
  soon_.setInterval(kSoonMs);
  connect(&soon_, &QTimer::timeout, this, &Recovery::write);
  connect(&document_, &PlanDocument::changed, this, &Recovery::document_changed);
  connect(&document_, &PlanDocument::title_changed, this, &Recovery::document_changed);
  connect(&job_, &JobThread::ended, this, [this](const jobs::Outcome& outcome) {
    if (outcome.kind == jobs::OutcomeKind::kFailed && !std::exchange(told_, true)) {
      Q_EMIT failed(to_qt(outcome.text));
    }
    if (std::exchange(again_, false)) {
      write();
    } else if (!document_.modified()) {
      QFile::remove(file_);
    } else if (outcome.kind == jobs::OutcomeKind::kFinished) {
      Q_EMIT kept();
    }
  });
}

Recovery::~Recovery() {
  job_.abandon();
  QFile::remove(file_);
}

void Recovery::document_changed() {
  if (!document_.plan() || !document_.modified()) {
    soon_.stop();
    if (!job_.running()) {
      QFile::remove(file_);
    }
    return;
  }
  // Not restarted by every edit: a steady stream of them is still written.
  if (!soon_.isActive()) {
    soon_.start();
  }
}

void Recovery::write() {
  if (job_.running()) {
    again_ = true;
    return;
  }
  if (!document_.plan() || !document_.modified()) {
    return;
  }
  job_.start([plan = document_.plan(), source = from_qt(document_.file()),
              file = path_from_qt(file_)](const jobs::JobControl&) {
    Plan copy = *plan;
    if (!source.empty()) {
      // The profile is large and stands in the plan's own file.
      copy.profile.reset();
      copy.provenance[kPlanFileKey] = source;
    }
    write_plan(file, copy);
  });
}

std::vector<LeftEdits> Recovery::left() const {
  std::vector<LeftEdits> found;
  const QFileInfoList files =
      QDir(folder_).entryInfoList({QStringLiteral("*.json")}, QDir::Files, QDir::Time);
  for (const QFileInfo& info : files) {
    if (info.absoluteFilePath() == QFileInfo(file_).absoluteFilePath()) {
      continue;
    }
    QLockFile lock(lock_of(info.filePath()));
    lock.setStaleLockTime(0);
    if (!lock.tryLock(0)) {
      continue;  // its process lives
    }
    LeftEdits edits{.recovery_file = info.filePath(), .when = info.lastModified()};
    try {
      const Plan plan = read_plan(path_from_qt(info.filePath()));
      const auto source = plan.provenance.find(kPlanFileKey);
      if (source != plan.provenance.end()) {
        edits.plan_file = to_qt(source->second);
      }
      found.push_back(std::move(edits));
    } catch (const Error&) {
      // Half a file cannot be: writing renames. What cannot be read is of no use to anyone.
      QFile::remove(info.filePath());
    }
  }
  return found;
}

void Recovery::bring_back(const LeftEdits& edits) {
  Plan plan = read_plan(path_from_qt(edits.recovery_file));
  plan.provenance.erase(kPlanFileKey);
  if (!plan.profile && !edits.plan_file.isEmpty()) {
    try {
      const Plan saved = read_plan(path_from_qt(edits.plan_file));
      if (saved.model == plan.model) {
        plan.profile = saved.profile;
      }
    } catch (const Error&) {
      // The edits are worth more than the profile; the pages say that there is none.
    }
  }
  document_.take(std::make_shared<const Plan>(std::move(plan)), edits.plan_file, /*modified=*/true);
  forget(edits);
}

void Recovery::forget(const LeftEdits& edits) const { QFile::remove(edits.recovery_file); }

}  // namespace twill::gui
