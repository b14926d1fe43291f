// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/measured_quality.h"

#include <cmath>

#include "base/text.h"
#include "plan/predictor.h"
#include "twill/plan/error.h"
#include "twill/report/search_record.h"

namespace twill::gui {
namespace {

constexpr double kPeak = 255.0;

std::optional<SaidPsnr> mean_of(const std::vector<double>& values) {
  if (values.empty()) {
    return {};
  }
  double sum = 0.0;
  for (const double value : values) {
    sum += value;
  }
  return SaidPsnr{.psnr_db = sum / static_cast<double>(values.size()),
                  .clips = static_cast<int>(values.size())};
}

}  // namespace

std::vector<MeasuredClip> measured_beside(const QString& file) {
  std::vector<MeasuredClip> clips;
  if (file.isEmpty()) {
    return clips;
  }
  try {
    for (const report::PredictedMeasured& probe : report::read_probes(path_from_qt(file))) {
      if (probe.measured_mse > 0.0) {
        clips.push_back({.predicted = probe.predicted,
                         .psnr_db = 10.0 * std::log10(kPeak * kPeak / probe.measured_mse)});
      }
    }
  } catch (const Error&) {
    // The plan itself is fine; it is shown without measured numbers.
    clips.clear();
  }
  return clips;
}

std::optional<SaidPsnr> measured_psnr(const std::vector<MeasuredClip>& clips, const Plan& plan) {
  std::vector<double> values;
  for (const MeasuredClip& clip : clips) {
    if (clip.plan && clip.plan->model == plan.model && clip.plan->patterns == plan.patterns &&
        clip.plan->segments == plan.segments) {
      values.push_back(clip.psnr_db);
    }
  }
  return mean_of(values);
}

std::optional<SaidPsnr> psnr_of_error_one(const std::vector<MeasuredClip>& clips,
                                          const Predictor& predictor) {
  std::vector<double> values;
  for (const MeasuredClip& clip : clips) {
    double error = clip.predicted;
    if (clip.plan) {
      if (!(clip.plan->model == predictor.profile().model)) {
        continue;
      }
      const PlanNumbers numbers = predictor.numbers(*clip.plan);
      error = numbers.unmeasured > 0 ? 0.0 : numbers.error;
    }
    if (error > 0.0) {
      values.push_back(clip.psnr_db + 10.0 * std::log10(error));
    }
  }
  return mean_of(values);
}

}  // namespace twill::gui
