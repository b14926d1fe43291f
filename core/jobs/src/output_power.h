// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How large the outputs of the heads are: what turns errors relative to them into mean squares.
#pragma once

#include <cstdint>
#include <vector>

#include "twill/engine/attention_hook.h"
#include "twill/plan/profile.h"

namespace twill::jobs {

// Dense attention that adds up the mean square of every head's output at the profile's t that are
// nearest the steps.
class OutputPower final : public engine::SelfAttention {
 public:
  explicit OutputPower(const Profile& profile);

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override;

  // Means over the calls, shaped as Profile::gain; 0 where no call was seen. As floats of any
  // scale: the rules compare them with each other only.
  std::vector<float> mean() const;

 private:
  const Profile& profile_;
  engine::DenseAttention dense_;
  std::vector<double> sum_;
  std::vector<double> calls_;
};

}  // namespace twill::jobs
