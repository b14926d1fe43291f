// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What is known of the PSNR of plans: clips that a search measured, and pairs that were made here.
#pragma once

#include <QString>
#include <memory>
#include <optional>
#include <vector>

#include "twill/plan/plan.h"

namespace twill::gui {

class Predictor;

// A clip against its dense twin.
struct MeasuredClip {
  std::shared_ptr<const Plan> plan;  // null: only what was predicted for it is known
  double predicted = 0.0;            // predicted error; unused with a plan
  double psnr_db = 0.0;
};

// The clips beside the plan's file ("<plan>.search.json"); none when there is no such file, or none
// that can be read.
std::vector<MeasuredClip> measured_beside(const QString& file);

struct SaidPsnr {
  double psnr_db = 0.0;
  int clips = 0;  // that it is the mean of
};
// The mean PSNR of clips that this very plan made.
std::optional<SaidPsnr> measured_psnr(const std::vector<MeasuredClip>& clips, const Plan& plan);
// What a predicted error of 1 stands for: PSNR = this - 10 log10(predicted error), mean over the
// clips. Plans' errors are asked of the predictor, so call it when something changed, not always.
std::optional<SaidPsnr> psnr_of_error_one(const std::vector<MeasuredClip>& clips,
                                          const Predictor& predictor);

}  // namespace twill::gui
