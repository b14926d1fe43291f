// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The dynamic oracle, a reference line that nothing fast reaches: it looks at all scores first.
#pragma once

#include <cstdint>
#include <vector>

#include "twill/engine/attention_hook.h"

namespace twill::jobs {

// In sparse calls each query tile (128 raster tokens) keeps the key tiles (64) that hold most of
// its true attention mass, the same number for all of a layer's heads.
class OracleAttention final : public engine::SelfAttention {
 public:
  struct Options {
    double share = 1.0;           // of the key tiles, in sparse calls
    std::vector<double> dense_t;  // steps whose calls are dense
    std::int32_t dense_first_layers = 0;
  };
  explicit OracleAttention(Options options) : options_(std::move(options)) {}

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override;

  // Kept tiles over all tiles of the calls so far, dense ones counted whole.
  double density() const { return all_ > 0.0 ? kept_ / all_ : 1.0; }

 private:
  Options options_;
  engine::DenseAttention dense_;
  double kept_ = 0.0;
  double all_ = 0.0;
};

}  // namespace twill::jobs
