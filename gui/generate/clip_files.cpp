// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/clip_files.h"

#include <QStringList>

#include "base/text.h"
#include "twill/plan/error.h"

namespace twill::gui {
namespace {

namespace fs = std::filesystem;

fs::path dense_name(const fs::path& file) {
  return file.parent_path() / concat(file.stem().string(), "-dense", file.extension().string());
}

}  // namespace

ClipFiles::ClipFiles(QObject* parent) : QObject(parent) {
  connect(&job_, &JobThread::ended, this, [this](const jobs::Outcome& outcome) {
    const std::shared_ptr<const jobs::StoredClip> stored = std::exchange(stored_, nullptr);
    if (outcome.kind == jobs::OutcomeKind::kFailed) {
      Q_EMIT failed(to_qt(outcome.text));
    } else if (outcome.kind == jobs::OutcomeKind::kFinished) {
      stored ? Q_EMIT read_done(stored, reading_) : Q_EMIT saved(writing_);
    }
  });
}

ClipFiles::~ClipFiles() { job_.stop(); }

void ClipFiles::save(const std::shared_ptr<const jobs::GeneratedClip>& clip, const QString& file) {
  TWILL_ASSERT(!busy() && clip && clip->frames);
  const fs::path path = path_from_qt(file);
  writing_ = QStringList{file};
  if (clip->dense_frames) {
    writing_.append(path_to_qt(dense_name(path)));
  }
  job_.start([clip, path](const jobs::JobControl&) {
    if (clip->dense_frames) {
      jobs::ClipRecord record = clip->record;
      record.plan.clear();
      record.plan_fingerprint.clear();
      jobs::write_clip(dense_name(path), *clip->dense_frames, jobs::to_metadata(record));
    }
    jobs::write_clip(path, *clip->frames, jobs::to_metadata(clip->record));
  });
}

void ClipFiles::read(const QString& file) {
  TWILL_ASSERT(!busy());
  reading_ = file;
  stored_ = std::make_shared<jobs::StoredClip>();
  job_.start([stored = stored_, path = path_from_qt(file)](const jobs::JobControl&) {
    *stored = jobs::read_clip(path);
  });
}

}  // namespace twill::gui
