// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How a plan and its measurements came about, for people who repeat them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report_inputs.h"

namespace twill::report {

using Facts = std::vector<std::pair<std::string, std::string>>;

// "13x16x16 tokens, euler, shift 3, 20 steps": what a density is never quoted without.
std::string run_text(const FiguresRun& run);
Facts plan_facts(const PlanFigures& figures);
Facts profile_facts(const PlanFigures& figures);
Facts evaluation_facts(const MeasuredPlan& measured);
// Commands of the command line that do it again, as far as the files say how.
std::vector<std::string> commands_to_repeat(const ReportOptions& options,
                                            const ReportInputs& inputs);

}  // namespace twill::report
