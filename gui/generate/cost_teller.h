// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Says what a clip will take before it is made: measures a model once, then reckons.
#pragma once

#include <QObject>
#include <QTimer>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/job_thread.h"
#include "generate/clip_queue.h"
#include "twill/jobs/estimate.h"

namespace twill::gui {

class CostTeller : public QObject {
  Q_OBJECT

 public:
  explicit CostTeller(QObject* parent = nullptr);
  ~CostTeller() override;

  // What `told` will be about; asking again soon replaces the question.
  void ask(const jobs::ModelFacts& facts, const ClipRequest& request);
  // While clips are made nothing is measured: it would be wrong and in their way.
  void set_paused(bool paused);

 Q_SIGNALS:
  // Answers to the last question.
  void told(const twill::jobs::ClipEstimate& estimate);
  void failed(const QString& sentence);

 private:
  struct Answer {
    std::string key;  // of the question's model; another may have been asked about since
    std::optional<jobs::ModelSpeed> speed;
    double density = 1.0;
    jobs::AdaptingSpeed adapting;
  };
  static std::string speed_key(const report::ClipSettings& clip);
  void start();

  std::optional<jobs::ModelFacts> facts_;
  ClipRequest request_;
  std::map<std::string, jobs::ModelSpeed> speeds_;
  std::shared_ptr<Answer> answer_;
  bool asked_ = false;
  bool paused_ = false;
  QTimer delay_;
  JobThread job_;
};

// "3,328 tokens, density 0.40: about 36 s (dense 26 s, sparse 9 s, VAE 6 s), 0.5 GB of memory".
QString describe(const jobs::ClipEstimate& estimate);
// "9 s", "3 min 20 s", "2 h 5 min".
QString describe_seconds(double seconds);

}  // namespace twill::gui
