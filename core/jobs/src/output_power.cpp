// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "output_power.h"

#include <ATen/ATen.h>

#include <cmath>

namespace twill::jobs {

OutputPower::OutputPower(const Profile& profile)
    : profile_(profile), sum_(profile.gain.size()), calls_(profile.gain.size()) {}

at::Tensor OutputPower::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const engine::AttentionSite& site) {
  at::Tensor out = dense_.run(q, k, v, site);
  std::size_t nearest = 0;
  for (std::size_t i = 1; i < profile_.t.size(); ++i) {
    nearest =
        std::abs(profile_.t[i] - site.t) < std::abs(profile_.t[nearest] - site.t) ? i : nearest;
  }
  const at::Tensor power = out.to(at::kFloat).square().mean({0, 2, 3}).to(at::kDouble).cpu();
  const double* const of_head = power.const_data_ptr<double>();
  const std::size_t experts = profile_.model.experts.size();
  for (std::int64_t head = 0; head < power.size(0); ++head) {
    const std::size_t at =
        (nearest * experts + static_cast<std::size_t>(site.expert)) * profile_.heads() +
        static_cast<std::size_t>(
            head_index(profile_.model, site.stack, site.layer, static_cast<std::int32_t>(head)));
    sum_[at] += of_head[head];
    calls_[at] += 1.0;
  }
  return out;
}

std::vector<float> OutputPower::mean() const {
  std::vector<float> mean(sum_.size());
  for (std::size_t i = 0; i < mean.size(); ++i) {
    mean[i] = calls_[i] > 0.0 ? static_cast<float>(sum_[i] / calls_[i]) : 0.0f;
  }
  return mean;
}

}  // namespace twill::jobs
