// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Charts of what is predicted for a plan.
#pragma once

#include <vector>

#include "svg.h"
#include "twill/report/plan_figures.h"

namespace twill::report::drawing {

// The best plans of the profile at every budget, and the measured plans. In decibels when something
// was measured, else in predicted error.
Figure front_chart(const PlanFigures& figures, const std::vector<search::FrontPoint>& front,
                   const std::vector<MeasuredPlan>& measured);
// Layers x steps.
Figure layer_error_map(const PlanFigures& figures);
// Predicted error of each step, by pattern.
Figure kind_error_chart(const PlanFigures& figures);
// Head errors at the profile's times of one segment's patterns.
Figure kind_head_error_chart(const PlanFigures& figures, std::size_t segment);
Figure layer_cost_chart(const PlanFigures& figures);
// Predicted error added up over heads, the worst first.
Figure head_share_chart(const PlanFigures& figures);

// Each head's predicted error over the whole run, [expert][head_index].
std::vector<double> head_errors(const PlanFigures& figures);

}  // namespace twill::report::drawing
