// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a rule leaves dense, and which of its plans is taken, chosen on tuning clips: the same
// search with the same number of clips for every rule.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "twill/jobs/policies.h"

namespace twill::jobs {

// Mean PSNR of the tuning clips in dB; nothing where there is no such setting: its dense parts
// alone are over the budget, or the rule has fewer plans. That counts as no try.
using MeasureSetting = std::function<std::optional<double>(const TunedSetting&)>;

// A pattern search over dense first steps, plans of the rule, dense last steps and dense first
// layers, in this order, from none of each: steps of 2, then of 1, until no neighbour is better or
// `most` settings were tried. `own_choice`: the rule's own choice of dense steps is tried first.
Tuned tune(const MeasureSetting& measure, std::size_t most, bool own_choice);

}  // namespace twill::jobs
