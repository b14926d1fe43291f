// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Writes finished clips and reads videos with their settings, in a thread.
#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <optional>

#include "base/job_thread.h"
#include "twill/jobs/clip_record.h"
#include "twill/jobs/generate.h"

namespace twill::gui {

class ClipFiles : public QObject {
  Q_OBJECT

 public:
  explicit ClipFiles(QObject* parent = nullptr);
  ~ClipFiles() override;

  bool busy() const { return job_.running(); }
  // The clip as `file`, and the dense one of a pair beside it with "-dense" in its name.
  void save(const std::shared_ptr<const jobs::GeneratedClip>& clip, const QString& file);
  void read(const QString& file);

 Q_SIGNALS:
  void saved(const QStringList& files);
  void read_done(const std::shared_ptr<const twill::jobs::StoredClip>& clip, const QString& file);
  void failed(const QString& sentence);

 private:
  QStringList writing_;
  QString reading_;
  std::shared_ptr<jobs::StoredClip> stored_;
  JobThread job_;
};

}  // namespace twill::gui
