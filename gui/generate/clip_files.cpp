// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/clip_files.h"

#include <utility>

#include "base/text.h"
#include "twill/jobs/model_facts.h"
#include "twill/media/clip_files.h"
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
    const std::shared_ptr<const report::StoredClip> stored = std::exchange(stored_, nullptr);
    const std::shared_ptr<const report::StoredClip> second = std::exchange(second_, nullptr);
    const std::shared_ptr<const report::GeneratedClip> clip = std::exchange(clip_, nullptr);
    if (outcome.kind == jobs::OutcomeKind::kFailed) {
      Q_EMIT failed(to_qt(outcome.text));
    } else if (outcome.kind == jobs::OutcomeKind::kFinished) {
      second   ? Q_EMIT pair_read(stored, second)
      : stored ? Q_EMIT read_done(stored, reading_, path_to_qt(*model_))
               : Q_EMIT saved(clip, writing_);
    }
  });
}

ClipFiles::~ClipFiles() { job_.stop(); }

QStringList ClipFiles::files_of(const report::GeneratedClip& clip, const QString& file) {
  QStringList files{file};
  if (clip.dense_frames) {
    files.append(path_to_qt(dense_name(path_from_qt(file))));
  }
  return files;
}

void ClipFiles::save(const std::shared_ptr<const report::GeneratedClip>& clip,
                     const QString& file) {
  TWILL_ASSERT(!busy() && clip && clip->frames);
  const fs::path path = path_from_qt(file);
  writing_ = files_of(*clip, file);
  clip_ = clip;
  job_.start([clip, path](const jobs::JobControl&) {
    if (clip->dense_frames) {
      report::ClipRecord record = clip->record;
      record.plan.clear();
      record.plan_fingerprint.clear();
      record.adapted = false;
      media::write_clip(dense_name(path), *clip->dense_frames, clip->dense_frames->fps,
                        report::to_metadata(record));
    }
    media::write_clip(path, *clip->frames, clip->frames->fps, report::to_metadata(clip->record));
  });
}

void ClipFiles::read(const QString& file, const std::vector<jobs::FoundModel>& models) {
  TWILL_ASSERT(!busy());
  reading_ = file;
  stored_ = std::make_shared<report::StoredClip>();
  model_ = std::make_shared<std::filesystem::path>();
  job_.start([stored = stored_, found = model_, models,
              path = path_from_qt(file)](const jobs::JobControl&) {
    *stored = report::read_clip(path);
    for (const jobs::FoundModel& model : models) {
      if (stored->record && found->empty() && model.obstacle.empty() &&
          model.name == stored->record->model &&
          jobs::model_fingerprint(model.files) == stored->record->model_fingerprint) {
        *found = model.files.path;
      }
    }
  });
}

void ClipFiles::read_pair(const QString& dense, const QString& sparse) {
  TWILL_ASSERT(!busy());
  stored_ = std::make_shared<report::StoredClip>();
  second_ = std::make_shared<report::StoredClip>();
  job_.start([first = stored_, second = second_, a = path_from_qt(dense),
              b = path_from_qt(sparse)](const jobs::JobControl&) {
    *first = report::read_clip(a);
    *second = report::read_clip(b);
    require(first->clip.width == second->clip.width && first->clip.height == second->clip.height &&
                first->clip.frames == second->clip.frames,
            ErrorCode::kFile, a.string(), " and ", b.string(), " are not of one size and length");
  });
}

}  // namespace twill::gui
