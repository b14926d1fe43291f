// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Sparse VideoGen (arXiv 2502.01776) as its authors run it: every head is told to be spatial or
// temporal anew in each call, from a few of its rows.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "counted_attention.h"
#include "twill/engine/attention.h"

namespace twill::jobs {

class OnlineSvg final : public CountedAttention {
 public:
  struct Options {
    ModelShape model;
    std::vector<TokenLayout> layouts;
    Pattern spatial, temporal;
    std::vector<double> dense_t;  // steps whose calls are dense
    std::int32_t dense_first_layers = 0;
    std::int64_t rows = 64;  // sampled query tokens, evenly spread
    int threads = 0;
  };
  explicit OnlineSvg(const Options& options);

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override;

 private:
  Options options_;
  engine::PlanAttention spatial_, temporal_;
  engine::DenseAttention dense_;
};

}  // namespace twill::jobs
