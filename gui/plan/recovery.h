// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Keeps unsaved edits on disk while they are made, so that a crash or a kill does not lose them.
#pragma once

#include <QDateTime>
#include <QObject>
#include <QString>
#include <QTimer>
#include <memory>
#include <vector>

#include "base/job_thread.h"
#include "base/process_folder.h"
#include "twill/plan/plan.h"

namespace twill::gui {

class PlanDocument;

// Edits that a process left behind.
struct LeftEdits {
  QString name;       // of its folder below the recovery folder
  QString plan_file;  // that was edited; empty: the plan had no file yet
  QDateTime when;
  QString obstacle;  // why they cannot be read, one sentence; empty: they can
};

// One per window. Each process keeps its edits in a folder of its own: plan.json, which is there
// while edits are unsaved and follows each of them, and the profile, which is large, once.
class Recovery : public QObject {
  Q_OBJECT

 public:
  // `folder` is made when something is written. Where it cannot be, edits are not kept and
  // `failed` says so once.
  Recovery(PlanDocument& document, const QString& folder, QObject* parent = nullptr);
  // A window that closes has asked about its edits: they are forgotten. Those of other processes
  // that nobody answered for are offered again at the next start.
  ~Recovery() override;

  // Edits that processes left which are no more, newest first; no other process is offered them
  // meanwhile. What such a process left besides edits is swept up.
  std::vector<LeftEdits> left();
  // Opens the edits as unsaved. They stay on disk until they are kept anew or nothing is unsaved.
  // Throws Error when they cannot be read. The profile is the kept one, or that of the plan's file
  // if nobody wrote it since; where neither is to be had, the plan opens without profile and
  // without a file, so that a save asks where, and the answer is a sentence that says so.
  QString bring_back(const LeftEdits& edits);
  void forget(const LeftEdits& edits);

  // Where the edits are kept; empty while there are none.
  QString file() const;

 Q_SIGNALS:
  // Stands on disk now, with all the edits up to it.
  void kept(const std::shared_ptr<const twill::Plan>& plan);
  void profile_kept();
  void failed(const QString& sentence);

 private:
  void document_changed();
  void write();
  void start_profile();
  void settle();
  void tell(const QString& sentence);
  std::shared_ptr<const Profile> profile_of(const ProcessFolder& folder, const Plan& plan,
                                            QString& why) const;

  PlanDocument& document_;
  QString root_;
  std::unique_ptr<ProcessFolder> own_;                   // from the first edit on
  std::vector<std::unique_ptr<ProcessFolder>> offered_;  // of processes that are no more
  std::vector<std::unique_ptr<ProcessFolder>> adopted_;  // whose edits are the document's now
  std::weak_ptr<const Profile> profile_;                 // that the own folder holds, or will
  int profile_number_ = 0, writing_number_ = 0;          // of profiles' files
  std::shared_ptr<const Plan> written_;                  // by the running job
  bool plan_done_ = false, profile_done_ = true;         // the disk has what the document shows
  QTimer soon_;
  JobThread job_, profile_job_;
  bool again_ = false, told_ = false;
};

}  // namespace twill::gui
