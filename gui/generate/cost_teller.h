// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Says what a clip will take before it is made: its memory from the headers of its model, its time
// from a model that is measured once.
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
#include "twill/jobs/memory_need.h"

namespace twill::gui {

struct ClipCost {
  std::int64_t tokens = 0;
  double density = 1.0;
  jobs::MemoryNeed memory;
  std::optional<jobs::ClipEstimate> time;  // empty: it is not known
};

class CostTeller : public QObject {
  Q_OBJECT

 public:
  explicit CostTeller(QObject* parent = nullptr);
  ~CostTeller() override;

  // What `told` will be about; asking again soon replaces the question.
  void ask(const jobs::ModelFacts& facts, const ClipRequest& request);
  // While clips are made nothing is measured: it would be wrong and in their way.
  void set_paused(bool paused);
  // The model of the last question, which was too large to be measured unasked.
  void measure();
  // How large a model may be for that, in bytes of its weights.
  void set_most_unasked(std::int64_t bytes) { most_unasked_ = bytes; }

 Q_SIGNALS:
  // Answers to the last question: the first says the memory, and a second one the time where that
  // comes (`more`).
  void told(const twill::gui::ClipCost& cost, bool more);
  void failed(const QString& sentence);

 private:
  // Of a question; another may have been asked since.
  struct Answer {
    std::string key;  // of its model
    ClipCost cost;
    std::optional<jobs::ModelSpeed> speed;
    jobs::AdaptingSpeed adapting;
    bool memory_told = false;
  };
  static std::string speed_key(const report::ClipSettings& clip);
  bool may_measure() const;
  void start();
  void find_memory();
  void find_time();
  void finish();

  std::optional<jobs::ModelFacts> facts_;
  ClipRequest request_;
  std::map<std::string, jobs::ModelSpeed> speeds_;
  std::shared_ptr<Answer> answer_;
  std::int64_t most_unasked_ = 1'000'000'000;
  std::string wanted_;  // key of the model that is measured on request
  bool asked_ = false;
  bool paused_ = false;
  QTimer delay_;
  JobThread job_;
};

// "3,328 tokens, density 0.40: about 36 s (dense 26 s, sparse 9 s, VAE 6 s), 0.5 GB of memory", and
// on a GPU how much of it the clip takes and how many layers stay there.
QString describe(const ClipCost& cost);
// "9 s", "3 min 20 s", "2 h 5 min".
QString describe_seconds(double seconds);

}  // namespace twill::gui
