// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The weights rho of UniPC (https://arxiv.org/abs/2302.04867) for differences of predicted clips.
#pragma once

#include <vector>

namespace twill::engine {

// r: distances of earlier times in units of the step, latest first, all different and below 0; the
// order is one more than they are. h: the step with the sign of the exponent, b_of_h: B of it.
// Weights of the differences to the clips at these times.
std::vector<double> uni_pc_predictor(const std::vector<double>& r, double h, double b_of_h);
// The same with one more, that of the difference to the clip at the step's end.
std::vector<double> uni_pc_corrector(std::vector<double> r, double h, double b_of_h);

}  // namespace twill::engine
