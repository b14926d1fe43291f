// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: the attention maps of chosen heads, token by token, from a dense run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "twill/jobs/job.h"
#include "twill/jobs/model_facts.h"
#include "twill/plan/token_layout.h"
#include "twill/report/clip_settings.h"

namespace twill::jobs {

struct CapturedHead {
  std::size_t expert = 0;
  std::size_t stack = 0;
  std::int32_t layer = 0;
  std::int32_t head = 0;
  friend auto operator<=>(const CapturedHead&, const CapturedHead&) = default;
};

struct CaptureOptions {
  report::ClipSettings clip;
  std::string prompt;
  std::uint64_t seed = 0;
  double t = 0.5;  // 1 noise, 0 clean; the step nearest to it is looked at
  std::vector<CapturedHead> heads;
};

struct CaptureResult {
  TokenLayout layout;
  double t = 0.0;  // of the step
  // In the order of the options: [tokens][tokens], queries down and keys across in raster order,
  // each row's softmax weights scaled to its greatest, 255. With guidance, of the positive prompt.
  std::vector<std::shared_ptr<const std::uint8_t[]>> maps;
};

// Bytes of the result's maps.
std::int64_t capture_map_bytes(const ModelFacts& facts, const report::ClipSettings& clip,
                               std::size_t heads);
// Bytes of the whole process at its highest while it captures them.
std::int64_t capture_memory_bytes(const ModelFacts& facts, const report::ClipSettings& clip,
                                  std::size_t heads);

// Runs no step after the one it looks at. Throws Error: kModel for a head that the model does not
// have, kUsage for no heads, t outside [0, 1] and what the clip's settings may not be, kSystem when
// the maps do not fit into memory. Throws Cancelled.
CaptureResult capture_attention(const CaptureOptions& options, const JobControl& control);

}  // namespace twill::jobs
