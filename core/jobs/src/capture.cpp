// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/capture.h"

#include <algorithm>
#include <cmath>

#include "capturing_attention.h"
#include "session.h"
#include "twill/jobs/estimate.h"
#include "twill/jobs/free_memory.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

void check_heads(const std::vector<CapturedHead>& heads, const ModelShape& model) {
  require(!heads.empty(), ErrorCode::kUsage, "no head to capture");
  for (const CapturedHead& head : heads) {
    require(head.expert < model.experts.size() && head.stack < model.stacks.size(),
            ErrorCode::kModel, "the model has no expert ", head.expert, " with a stack ",
            head.stack);
    const StackShape& stack = model.stacks[head.stack];
    require(
        head.layer >= 0 && head.layer < stack.layers && head.head >= 0 && head.head < stack.heads,
        ErrorCode::kModel, "the model's stack ", stack.name, " has no layer ", head.layer,
        ", head ", head.head, ": it has ", stack.layers, " layers of ", stack.heads, " heads");
  }
}

void check_memory(std::int64_t tokens, std::size_t heads) {
  const std::int64_t bytes = static_cast<std::int64_t>(heads) * tokens * tokens;
  const std::optional<std::int64_t> free = free_memory_bytes();
  require(!free || bytes <= *free, ErrorCode::kSystem, "the maps of ", heads, " heads over ",
          tokens, " tokens need ", bytes / 1'000'000, " MB and ", free.value_or(0) / 1'000'000,
          " MB are free; choose fewer heads or a smaller clip");
}

// Index of the step whose t is nearest.
std::int64_t nearest_step(const std::vector<double>& step_t, double t) {
  const auto nearest = std::min_element(step_t.begin(), step_t.end(), [t](double a, double b) {
    return std::abs(a - t) < std::abs(b - t);
  });
  return nearest - step_t.begin();
}

}  // namespace

std::int64_t capture_map_bytes(const ModelFacts& facts, const report::ClipSettings& clip,
                               std::size_t heads) {
  const std::int64_t tokens = estimate_clip(facts, {}, {.clip = clip}, 1.0).tokens;
  return static_cast<std::int64_t>(heads) * tokens * tokens;
}

std::int64_t capture_memory_bytes(const ModelFacts& facts, const report::ClipSettings& clip,
                                  std::size_t heads) {
  const ModelSpeed speed{.dtype = clip.dtype.value_or("float32")};
  return estimate_clip(facts, speed, {.clip = clip}, 1.0).memory_bytes +
         capture_map_bytes(facts, clip, heads);
}

CaptureResult capture_attention(const CaptureOptions& options, const JobControl& control) {
  check_t(options.t);
  check_prompts({options.prompt}, options.clip);
  const Session session(options.clip, control);
  check_heads(options.heads, session.model().shape());
  const EncodedPrompt prompt = session.encode(options.prompt);
  const TokenLayout layout = session.only_layout({prompt}, "a capture");
  check_memory(layout.tokens(), options.heads.size());
  const std::int64_t step = nearest_step(session.step_t(), options.t);
  const std::unique_ptr<engine::SelfAttention> dense = session.dense_by_kernel(prompt);
  CapturingAttention attention(*dense, options.heads, layout.tokens(), control.stop);
  session.denoise(prompt, options.seed, attention, "capture",
                  {.stop_after = step + 1, .before = [&](std::int64_t now) {
                     if (now == step) {
                       attention.watch();
                     }
                   }});
  TWILL_ASSERT(attention.complete());
  return {.layout = layout,
          .t = session.step_t()[static_cast<std::size_t>(step)],
          .maps = attention.maps()};
}

}  // namespace twill::jobs
