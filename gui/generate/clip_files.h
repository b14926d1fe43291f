// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Writes finished clips and reads videos with their settings, in a thread.
#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <memory>
#include <vector>

#include "base/job_thread.h"
#include "twill/jobs/generate.h"
#include "twill/jobs/model_folders.h"
#include "twill/report/clip_record.h"

namespace twill::gui {

class ClipFiles : public QObject {
  Q_OBJECT

 public:
  explicit ClipFiles(QObject* parent = nullptr);
  ~ClipFiles() override;

  // The files of a clip that is saved as `file`: that one, and for a pair the dense one beside it
  // with "-dense" in its name.
  static QStringList files_of(const report::GeneratedClip& clip, const QString& file);

  bool busy() const { return job_.running(); }
  // Writes files_of the clip.
  void save(const std::shared_ptr<const report::GeneratedClip>& clip, const QString& file);
  // Also looks for the model that made the clip, by its fingerprint.
  void read(const QString& file, const std::vector<jobs::FoundModel>& models);
  // Two videos of one noise, to be played at once.
  void read_pair(const QString& dense, const QString& sparse);

 Q_SIGNALS:
  void saved(const std::shared_ptr<const twill::report::GeneratedClip>& clip,
             const QStringList& files);
  // `model`: its folder; empty when none of the models made the clip.
  void read_done(const std::shared_ptr<const twill::report::StoredClip>& clip, const QString& file,
                 const QString& model);
  void pair_read(const std::shared_ptr<const twill::report::StoredClip>& dense,
                 const std::shared_ptr<const twill::report::StoredClip>& sparse);
  void failed(const QString& sentence);

 private:
  QStringList writing_;
  std::shared_ptr<const report::GeneratedClip> clip_;  // that is written
  QString reading_;
  std::shared_ptr<std::filesystem::path> model_;  // of the clip that is read
  std::shared_ptr<report::StoredClip> stored_;
  std::shared_ptr<report::StoredClip> second_;  // of a pair
  JobThread job_;
};

}  // namespace twill::gui
