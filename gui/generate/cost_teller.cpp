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
    const auto answer = std::exchange(answer_, nullptr);
    if (outcome.kind == jobs::OutcomeKind::kFinished) {
      speeds_[answer->key] = *answer->speed;
      if (!asked_) {
        try {
          Q_EMIT told(jobs::estimate_clip(*facts_, *answer->speed, request_.options,
                                          answer->density, answer->adapting));
        } catch (const Error& error) {
          Q_EMIT failed(to_qt(error.what()));
        }
      }
    } else if (outcome.kind == jobs::OutcomeKind::kFailed && !asked_) {
      Q_EMIT failed(to_qt(outcome.text));
    }
    if (asked_) {
      start();
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

void CostTeller::start() {
  if (paused_ || !asked_ || job_.running() || delay_.isActive()) {
    return;
  }
  asked_ = false;
  answer_ = std::make_shared<Answer>(Answer{.key = speed_key(request_.options.clip)});
  const auto known = speeds_.find(answer_->key);
  if (known != speeds_.end()) {
    answer_->speed = known->second;
  }
  job_.start(
      [answer = answer_, facts = *facts_, request = request_](const jobs::JobControl& control) {
        const report::ClipSettings& clip = request.options.clip;
        if (request.plan) {
          answer->density = jobs::plan_density(facts, clip, *request.plan);
        } else if (!request.options.plan.empty()) {
          answer->density = jobs::plan_density(facts, clip, request.options.plan);
        }
        if (request.options.adapt) {
          const std::shared_ptr<const Plan> plan = plan_of(request);
          answer->adapting = jobs::measure_adapting(facts, clip, *plan, control);
        }
        if (!answer->speed) {
          answer->speed = jobs::measure_speed(request.options.clip, control);
        }
      });
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

QString describe(const jobs::ClipEstimate& estimate) {
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
  return CostTeller::tr("%1 tokens, density %2: about %3 (%4), %5 GB of memory")
      .arg(QLocale().toString(static_cast<qlonglong>(estimate.tokens)))
      .arg(estimate.density, 0, 'f', 2)
      .arg(describe_seconds(estimate.seconds), parts)
      .arg(static_cast<double>(estimate.memory_bytes) / 1e9, 0, 'f', 1);
}

}  // namespace twill::gui
