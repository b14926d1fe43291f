// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Self-attention by a plan.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "twill/engine/attention_hook.h"
#include "twill/kernels/attention.h"
#include "twill/plan/compile.h"
#include "twill/plan/plan.h"

namespace twill::engine {

class PlanOnCuda;

// Calls that a plan was asked to serve, by what became of them.
struct AttentionCounts {
  std::int64_t sparse = 0;         // ran by the plan's tables
  std::int64_t planned_dense = 0;  // dense because the plan says so: a dense segment or layer
  std::map<std::string, std::int64_t> fallback;  // dense against the plan, by reason
  // Of the calls by the tables of segments that are not dense, head by head: those with keys, those
  // computed in INT8, and by reason those that the plan wants in INT8 and that were not.
  std::int64_t heads_with_keys = 0;
  std::int64_t int8_heads = 0;
  std::map<std::string, std::int64_t> not_int8;

  AttentionCounts& operator+=(const AttentionCounts& other);
};

// Runs each call as the plan's segment for site.t says, through the kernel, which is the faster one
// for dense calls too. What it cannot serve runs through DenseAttention; unless the plan asked for
// dense, it is counted by reason. Not for several threads at once.
class PlanAttention final : public SelfAttention {
 public:
  // Compiles the plan for `layout`. threads: 0 for as many as the process may use.
  PlanAttention(std::shared_ptr<const Plan> plan, const TokenLayout& layout, int threads = 0);
  // For calls of several layouts, which sites name: of the branches of the guidance, say.
  PlanAttention(std::shared_ptr<const Plan> plan, const std::vector<TokenLayout>& layouts,
                int threads = 0);
  ~PlanAttention() override;

  // Throws Error(kModel) when the plan has no such expert, stack, layer or another number of heads.
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionSite& site) override;

  const Plan& plan() const { return *plan_; }
  const CompiledPlan& compiled() const { return prepared_.front().compiled; }  // for the first
  // For the layout; null where it was not compiled for it.
  const CompiledPlan* compiled_for(const TokenLayout& layout) const;
  const AttentionCounts& counts() const { return counts_; }
  void reset_counts() { counts_ = {}; }

 private:
  // Heads of a layer, [segment][expert][layer of all stacks].
  struct PlannedLayer {
    std::span<const kernels::HeadTask> tasks;
    bool dense = true;  // all of them
    std::int64_t heads_with_keys = 0;
    std::int64_t int8_heads = 0;
  };
  // All that depends on the layout.
  struct Prepared {
    CompiledPlan compiled;
    std::vector<PlannedLayer> layers;
    std::unique_ptr<PlanOnCuda> on_cuda;
  };
  static Prepared prepare(const Plan& plan, const TokenLayout& layout, int threads);
  // Null where the site's layout is none of those.
  Prepared* prepared_for(const AttentionSite& site);
  std::size_t layer_index(std::int32_t segment, const AttentionSite& site) const;
  void count_heads(const Prepared& prepared, bool on_cpu, std::int32_t segment,
                   const AttentionSite& site);
  // out is set when the answer is ok; otherwise it says why the kernel cannot serve the call.
  kernels::Status run_segment(Prepared& prepared, const at::Tensor& q, const at::Tensor& k,
                              const at::Tensor& v, const AttentionSite& site, std::int32_t segment,
                              at::Tensor& out);

  std::shared_ptr<const Plan> plan_;
  std::vector<Prepared> prepared_;
  int threads_ = 0;
  DenseAttention dense_;
  AttentionCounts counts_;
};

}  // namespace twill::engine
