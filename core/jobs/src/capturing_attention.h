// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Keeps the attention maps of chosen heads while a run goes by.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "twill/engine/attention_hook.h"
#include "twill/jobs/capture.h"

namespace twill::jobs {

// Scores are fp32. Throws Cancelled between rows when a stop is asked for.
class CapturingAttention final : public engine::SelfAttention {
 public:
  CapturingAttention(engine::SelfAttention& inner, std::vector<CapturedHead> heads,
                     std::int64_t tokens, std::stop_token stop);

  // Only calls after this one are looked at; of each head the first.
  void watch() { watching_ = true; }
  bool complete() const;
  std::vector<std::shared_ptr<const std::uint8_t[]>> maps() const;

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override;

 private:
  struct Map {
    CapturedHead head;
    std::shared_ptr<std::uint8_t[]> cells;
    bool done = false;
  };
  // q, k: [tokens, head_dim].
  void fill(Map& map, const at::Tensor& q, const at::Tensor& k) const;

  engine::SelfAttention& inner_;
  std::int64_t tokens_ = 0;
  std::stop_token stop_;
  std::vector<Map> maps_;
  bool watching_ = false;
};

}  // namespace twill::jobs
