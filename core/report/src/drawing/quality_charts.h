// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Charts of what was measured.
#pragma once

#include <vector>

#include "svg.h"
#include "twill/report/plan_figures.h"
#include "twill/report/search_record.h"

namespace twill::report::drawing {

bool has_times(const std::vector<MeasuredPlan>& measured);
bool has_frames(const EvaluateReport& report);

// Speed-up of the denoising loop and PSNR of the plans with times.
Figure speed_chart(const std::vector<MeasuredPlan>& measured);
// Seconds of a clip: attention, the rest of the loop, VAE; dense and sparse.
Figure time_chart(const std::vector<MeasuredPlan>& measured);
Figure prompt_chart(const EvaluateReport& report);
// PSNR of every frame: each clip, their mean, the worst clip.
Figure frame_chart(const EvaluateReport& report);
// Predicted error and measured MSE, with their rank correlation.
Figure prediction_chart(const std::vector<PredictedMeasured>& points);

}  // namespace twill::report::drawing
