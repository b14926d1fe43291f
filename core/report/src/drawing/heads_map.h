// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Layers x heads, one panel a segment.
#pragma once

#include <string>
#include <vector>

#include "svg.h"
#include "twill/report/plan_comparison.h"
#include "twill/report/plan_figures.h"

namespace twill::report::drawing {

// Rows of panels: pattern, density, part of the predicted error, cost; columns: segments in the
// order of the run. Panels are groups of class "panel" with data-segment and the place of their
// cells, which the page's script reads.
Figure heads_map(const PlanFigures& figures, std::size_t expert);

// Patterns before and after, stretch by stretch; heads that differ are marked.
Figure difference_map(const PlanDifference& difference, std::size_t expert);

// Swatches of all patterns, of class "legend" with data-kind, which the page's script reads.
void pattern_legend(Svg& svg, double x, double y);

}  // namespace twill::report::drawing
