// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A job of core/jobs in a thread of its own.
#pragma once

#include <QObject>
#include <QString>
#include <functional>
#include <memory>

#include "twill/jobs/job.h"

namespace twill::gui {

// Work writes its result into what it captured; it is safe to read once `ended` has come. Signals
// arrive in the thread of this object. Every start ends in exactly one `ended`.
class JobThread : public QObject {
  Q_OBJECT

 public:
  using Work = std::function<void(const jobs::JobControl&)>;

  explicit JobThread(QObject* parent = nullptr);
  // Abandons a running job.
  ~JobThread() override;

  // Throws std::logic_error while a job runs.
  void start(Work work);
  // Asks; the job ends as cancelled at its next look, or finished if it was done already.
  void stop();
  // Asks a running job to stop and waits for it; `ended` is then not emitted.
  void abandon();
  bool running() const;
  bool stopping() const;

 Q_SIGNALS:
  // The latest progress; what came faster than the window draws is left out.
  void progressed(const twill::jobs::Progress& progress);
  void noted(const QString& sentence);
  void ended(const twill::jobs::Outcome& outcome);

 private:
  struct Run;
  void finish(const std::shared_ptr<Run>& run);

  std::shared_ptr<Run> run_;
};

}  // namespace twill::gui
