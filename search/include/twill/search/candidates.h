// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The patterns that a search offers to every head.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "twill/plan/pattern.h"
#include "twill/plan/token_layout.h"

namespace twill::search {

struct CandidateOptions {
  std::int32_t most = 120;  // patterns in all, 8..512
  // Bounds of a pattern's cells over dense's; dense, skip and mean are offered all the same.
  double least_density = 0.02;
  double most_density = 0.90;
  // Stripes measured on this model (stripe_candidates); all of them are offered, alone and in
  // unions.
  std::vector<VerticalStripe> stripes;
};

// dense, skip, mean, then the families from sparse to dense: diagonals, multi-diagonals, windows
// (boxes, whole rows, whole frames, and pairs that look a few frames back and forth but not at
// their own), stripes, and unions. Their units are the plan's, their sizes are picked so that
// densities at `layout` are spread evenly over a logarithmic scale in each family. No two have the
// same tiles. Each names the token order with the fewest tiles at `layout`, so that at another size
// it computes the same shape. Deterministic. Throws Error(kUsage) naming the
// option and its value.
std::vector<Pattern> candidate_patterns(const TokenLayout& layout,
                                        const CandidateOptions& options = {});

// Boxes of the keys that all queries want, from block-averaged maps of `heads` heads, [heads][size]
// [size], rows of any scale (a profile's 8-bit ones serve). A key block counts by the share of
// attention that nine tenths of the queries at least give it; a head's stripes are its best blocks,
// up to each of `shares` of the keys, as far as they get more than an even share. Heads that want
// nearly the same blocks give one stripe; at most `most`, those first that hold most attention over
// all heads.
struct StripeOptions {
  std::vector<double> shares{0.04, 0.08, 0.16, 0.30};  // of all keys
  std::int32_t most = 12;
};
std::vector<VerticalStripe> stripe_candidates(std::span<const float> maps, std::int32_t heads,
                                              std::int32_t size, const TokenLayout& layout,
                                              const StripeOptions& options = {});

// Radial attention's mask (arXiv 2506.19852) in several widths: rows * 2^-i of the frame's rows
// where the frame is 2^i to 2^(i+1) - 1 away (both neighbours and the own frame: i = 0); each width
// alone and with the first frame.
std::vector<Pattern> log_decay_patterns(const TokenLayout& layout);

}  // namespace twill::search
