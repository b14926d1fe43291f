// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Keeps unsaved edits on disk while they are made, so that a crash or a kill does not lose them.
#pragma once

#include <QDateTime>
#include <QLockFile>
#include <QObject>
#include <QString>
#include <QTimer>
#include <memory>
#include <vector>

#include "base/job_thread.h"

namespace twill::gui {

class PlanDocument;

// Edits that a process left behind.
struct LeftEdits {
  QString recovery_file;
  QString plan_file;  // that was edited; empty: the plan had no file yet
  QDateTime when;
};

// One per window. Its file is locked as long as the process lives, so that a second window does not
// take the edits for left behind.
class Recovery : public QObject {
  Q_OBJECT

 public:
  // `folder` is made when it is not there. Where it cannot be written, edits are not kept and
  // `failed` says so once.
  Recovery(PlanDocument& document, const QString& folder, QObject* parent = nullptr);
  // A window that closes has asked about its edits: they are forgotten.
  ~Recovery() override;

  // Of processes that are no more, newest first.
  std::vector<LeftEdits> left() const;
  // Opens the edits as unsaved; throws Error when they cannot be read. The profile comes from the
  // plan's file where that still is for the same model; without it the plan opens without one.
  void bring_back(const LeftEdits& edits);
  void forget(const LeftEdits& edits) const;

  QString file() const { return file_; }

 Q_SIGNALS:
  void kept();  // what stands on disk is what the document shows
  void failed(const QString& sentence);

 private:
  void document_changed();
  void write();

  PlanDocument& document_;
  QString folder_, file_;
  std::unique_ptr<QLockFile> lock_;
  QTimer soon_;
  JobThread job_;
  bool again_ = false, told_ = false;
};

}  // namespace twill::gui
