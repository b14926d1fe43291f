// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/cost_teller.h"

#include <QLocale>
#include <cmath>

#include "base/text.h"
#include "twill/plan/compile.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {
namespace {

constexpr int kDelayMs = 250;  // a number that is being typed is not asked about yet

// Of a request that is not for dense attention.
std::shared_ptr<const Plan> plan_of(const ClipRequest& request) {
  return request.plan ? request.plan
                      : std::make_shared<const Plan>(read_plan(request.options.plan));
}

}  // namespace

CostTeller::CostTeller(QObject* parent) : QObject(parent) {
  delay_.setSingleShot(true);
  delay_.setInterval(kDelayMs);
  connect(&delay_, &QTimer::timeout, this, &CostTeller::start);
  connect(&job_, &JobThread::ended, this, [this](const jobs::Outcome& outcome) {
    if (answer_->speed) {
      speeds_[answer_->key] = *answer_->speed;
    }
    if (asked_) {
      answer_.reset();
      start();
    } else if (outcome.kind == jobs::OutcomeKind::kFinished) {
      finish();
    } else if (outcome.kind == jobs::OutcomeKind::kFailed) {
      answer_.reset();
      Q_EMIT failed(to_qt(outcome.text));
    }
  });
}

CostTeller::~CostTeller() { job_.stop(); }

std::string CostTeller::speed_key(const report::ClipSettings& clip) {
  return concat(clip.model.path.string(), " ", clip.dtype.value_or(""), " ", clip.threads);
}

void CostTeller::ask(const jobs::ModelFacts& facts, const ClipRequest& request) {
  const bool other_model = job_.running() && facts_ && facts_->files != facts.files;
  if (other_model) {
    job_.stop();
  }
  facts_ = facts;
  request_ = request;
  // The estimate only asks whether there is a plan.
  if (request_.plan) {
    request_.options.plan = "plan";
  }
  asked_ = true;
  delay_.start();
}

void CostTeller::set_paused(bool paused) {
  paused_ = paused;
  if (paused) {
    job_.stop();
    asked_ = asked_ || job_.running();
  } else if (asked_) {
    delay_.start();
  }
}

// Measuring reads the whole model: of a large one that takes as long as a clip's beginning, and
// nobody has asked for a clip yet.
bool CostTeller::may_measure() const {
  return facts_->weight_bytes <= most_unasked_ || wanted_ == answer_->key;
}

void CostTeller::measure() {
  if (facts_) {
    wanted_ = speed_key(request_.options.clip);
    asked_ = true;
    start();
  }
}

void CostTeller::start() {
  if (paused_ || !asked_ || job_.running() || delay_.isActive()) {
    return;
  }
  asked_ = false;
  answer_ = std::make_shared<Answer>(Answer{.key = speed_key(request_.options.clip)});
  if (const auto known = speeds_.find(answer_->key); known != speeds_.end()) {
    answer_->speed = known->second;
  }
  find_memory();
}

void CostTeller::find_memory() {
  job_.start([answer = answer_, facts = *facts_, request = request_](const jobs::JobControl&) {
    const report::ClipSettings& clip = request.options.clip;
    const TokenLayout grid =
        model_family(facts.shape.family).grid({*clip.width, *clip.height, *clip.frames});
    answer->cost.tokens = grid.tokens();
    if (request.plan) {
      answer->cost.density = jobs::plan_density(facts, clip, *request.plan);
    } else if (!request.options.plan.empty()) {
      answer->cost.density = jobs::plan_density(facts, clip, request.options.plan);
    }
    answer->cost.memory = jobs::memory_need(facts, request.options);
  });
}

void CostTeller::find_time() {
  job_.start(
      [answer = answer_, facts = *facts_, request = request_](const jobs::JobControl& control) {
        const report::ClipSettings& clip = request.options.clip;
        if (request.options.adapt) {
          const std::shared_ptr<const Plan> plan = plan_of(request);
          answer->adapting = jobs::measure_adapting(facts, clip, *plan, control);
        }
        if (!answer->speed) {
          answer->speed = jobs::measure_speed(clip, control);
        }
      });
}

void CostTeller::finish() {
  const std::shared_ptr<Answer> answer = answer_;
  if (!answer->memory_told) {
    answer->memory_told = true;
    const bool more = answer->speed || may_measure();
    Q_EMIT told(answer->cost, more);
    // Who was told may have asked again.
    if (more && !asked_ && !job_.running()) {
      find_time();
    }
    return;
  }
  try {
    answer->cost.time = jobs::estimate_clip(*facts_, *answer->speed, request_.options,
                                            answer->cost.density, answer->adapting);
    Q_EMIT told(answer->cost, false);
  } catch (const Error& error) {
    Q_EMIT failed(to_qt(error.what()));
  }
}

QString describe_seconds(double seconds) {
  const auto whole = static_cast<qint64>(std::llround(seconds));
  if (seconds < 9.95) {
    return CostTeller::tr("%1 s").arg(seconds, 0, 'f', 1);
  }
  if (whole < 120) {
    return CostTeller::tr("%1 s").arg(whole);
  }
  if (whole < 7200) {
    return CostTeller::tr("%1 min %2 s").arg(whole / 60).arg(whole % 60);
  }
  return CostTeller::tr("%1 h %2 min").arg(whole / 3600).arg(whole % 3600 / 60);
}

namespace {

QString describe_time(const jobs::ClipEstimate& estimate) {
  QString parts;
  if (estimate.dense_seconds > 0) {
    parts += CostTeller::tr("dense %1, ").arg(describe_seconds(estimate.dense_seconds));
  }
  if (estimate.adapting_seconds > 0) {
    parts += CostTeller::tr("sparse %1 with %2 of adapting, ")
                 .arg(describe_seconds(estimate.sparse_seconds),
                      describe_seconds(estimate.adapting_seconds));
  } else if (estimate.sparse_seconds > 0) {
    parts += CostTeller::tr("sparse %1, ").arg(describe_seconds(estimate.sparse_seconds));
  }
  parts += CostTeller::tr("VAE %1").arg(describe_seconds(estimate.vae_seconds));
  return CostTeller::tr("about %1 (%2)").arg(describe_seconds(estimate.seconds), parts);
}

QString gigabytes(std::int64_t bytes) {
  return QLocale().toString(static_cast<double>(bytes) / 1e9, 'f', 1);
}

QString describe_memory(const jobs::MemoryNeed& need) {
  if (!need.device) {
    return need.process_bytes
               ? CostTeller::tr("%1 GB of memory").arg(gigabytes(*need.process_bytes))
               : CostTeller::tr("memory not known");
  }
  const jobs::DeviceNeed& device = *need.device;
  const QString taken = CostTeller::tr("%1 of %2 GB of the GPU")
                            .arg(gigabytes(device.taken), gigabytes(device.limit));
  const QString layers =
      device.host == 0
          ? CostTeller::tr("%1, all layers stay there").arg(taken)
          : CostTeller::tr("%1, %2 of %3 layers stay there, %4 GB of memory hold the layers")
                .arg(taken)
                .arg(device.resident)
                .arg(device.layers)
                .arg(gigabytes(device.host));
  const QString files =
      device.from_file == 0
          ? layers
          : CostTeller::tr("%1 but %2, which are read from the file at every step")
                .arg(layers)
                .arg(device.from_file);
  return device.vae_tiles == 1
             ? files
             : CostTeller::tr("%1, the VAE works in %2 tiles").arg(files).arg(device.vae_tiles);
}

}  // namespace

QString describe(const ClipCost& cost) {
  return CostTeller::tr("%1 tokens, density %2: %3, %4")
      .arg(QLocale().toString(static_cast<qlonglong>(cost.tokens)))
      .arg(cost.density, 0, 'f', 2)
      .arg(cost.time ? describe_time(*cost.time) : CostTeller::tr("time not known"),
           describe_memory(cost.memory));
}

}  // namespace twill::gui
