// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Dynamic oracles, reference lines that nothing fast reaches: they look at all scores first.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "counted_attention.h"

namespace twill::jobs {

// Each query tile (128 positions) of a head keeps some key tiles (64 positions), chosen by what
// they hold in this very call.
class OracleAttention final : public CountedAttention {
 public:
  enum class Choice : std::uint8_t {
    kMass,  // the tiles that hold most of the tile's attention mass
    // The tiles without which the output would change most: the others are left out one by one,
    // each time the one after which the squared change is least.
    kError,
  };
  struct Options {
    Choice choice = Choice::kMass;
    // position -> raster token of each token order that a head may take; it takes the one that
    // gives the least squared error of its output. Empty: raster.
    std::vector<std::vector<std::int32_t>> orders;
    // Of the key tiles that a head keeps in a call; 1 and more: dense. The numbers of its query
    // tiles differ by one at most, so that they sum to the share.
    std::function<double(const engine::AttentionSite& site, std::int32_t head)> share;
    // Above 0: each query tile keeps its tiles of most mass until they hold so much of it, and
    // `share` says nothing below 1. For kMass only.
    double top_p = 0.0;
  };
  explicit OracleAttention(Options options);

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override;

 private:
  Options options_;
  engine::DenseAttention dense_;
};

}  // namespace twill::jobs
