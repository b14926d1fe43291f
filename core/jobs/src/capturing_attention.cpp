// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "capturing_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

constexpr std::int64_t kScores = 1 << 22;  // fp32 scores that exist at a time

}  // namespace

CapturingAttention::CapturingAttention(engine::SelfAttention& inner,
                                       std::vector<CapturedHead> heads, std::int64_t tokens,
                                       std::stop_token stop)
    : inner_(inner), tokens_(tokens), stop_(std::move(stop)) {
  const auto cells = static_cast<std::size_t>(tokens * tokens);
  for (const CapturedHead& head : heads) {
    maps_.push_back({.head = head, .cells = std::make_shared<std::uint8_t[]>(cells)});
  }
}

bool CapturingAttention::complete() const {
  return std::all_of(maps_.begin(), maps_.end(), [](const Map& map) { return map.done; });
}

std::vector<std::shared_ptr<const std::uint8_t[]>> CapturingAttention::maps() const {
  std::vector<std::shared_ptr<const std::uint8_t[]>> maps;
  for (const Map& map : maps_) {
    maps.push_back(map.cells);
  }
  return maps;
}

at::Tensor CapturingAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const engine::AttentionSite& site) {
  if (watching_) {
    for (Map& map : maps_) {
      if (!map.done && map.head.expert == static_cast<std::size_t>(site.expert) &&
          map.head.stack == static_cast<std::size_t>(site.stack) && map.head.layer == site.layer) {
        TWILL_ASSERT(q.size(2) == tokens_ && k.size(2) == tokens_);
        fill(map, q[0][map.head.head], k[0][map.head.head]);
        map.done = true;
      }
    }
  }
  return inner_.run(q, k, v, site);
}

void CapturingAttention::fill(Map& map, const at::Tensor& q, const at::Tensor& k) const {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(1)));
  const at::Tensor keys = k.to(at::kFloat).t();
  const std::int64_t rows = std::max<std::int64_t>(1, kScores / tokens_);
  for (std::int64_t first = 0; first < tokens_; first += rows) {
    if (stop_.stop_requested()) {
      throw Cancelled();
    }
    const std::int64_t count = std::min(rows, tokens_ - first);
    const at::Tensor scores = q.narrow(0, first, count).to(at::kFloat).mul(scale).matmul(keys);
    // A row's greatest weight is that of its greatest score: the softmax's sum cancels out.
    const at::Tensor cells = scores.sub(scores.amax(1, /*keepdim=*/true))
                                 .exp_()
                                 .mul_(255.0)
                                 .round_()
                                 .to(at::kByte)
                                 .to(at::kCPU)
                                 .contiguous();
    std::memcpy(map.cells.get() + first * tokens_, cells.const_data_ptr<std::uint8_t>(),
                static_cast<std::size_t>(count * tokens_));
  }
}

}  // namespace twill::jobs
