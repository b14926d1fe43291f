// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The plans of one model that lie beside each other, as presets do (quality, balanced, fast): what
// the slider has for a plan without a profile.
#pragma once

#include <QString>
#include <memory>
#include <optional>
#include <vector>

#include "twill/plan/plan.h"

namespace twill::gui {

struct StoredPoint {
  std::shared_ptr<const Plan> plan;
  double density = 1.0;  // as the plan states it, for the model's default setting
};

// The readable plans in the folder of `file` that have this model's shape and state a density, from
// the cheapest to the best; empty for a plan that no file holds.
std::vector<StoredPoint> stored_points(const QString& file, const ModelShape& model);

// Which of them this plan is; empty when it was edited since.
std::optional<std::size_t> stored_point_of(const std::vector<StoredPoint>& points,
                                           const Plan& plan);

}  // namespace twill::gui
