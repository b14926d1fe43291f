// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Profiles the attention calls of a dense run.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "call_measurer.h"
#include "twill/engine/attention_hook.h"
#include "twill/search/profiler.h"

namespace twill::jobs {

// Runs `inner`; while a unit is watched, its calls go to the profiler with their gains. Throws
// Error(kUnsupported) for a dtype that no kernel takes.
class ProfilingAttention final : public engine::SelfAttention {
 public:
  ProfilingAttention(search::Profiler& profiler, CallMeasurer& measurer,
                     engine::SelfAttention& inner)
      : profiler_(profiler), measurer_(measurer), inner_(inner) {}

  // The forwards until finish() are those of this unit, one a branch of the guidance; the search
  // then finishes it.
  void watch(std::int32_t t_index, std::int32_t prompt);
  void finish();

  // Spent on the profile itself, the dense attention it rides on left out.
  double seconds() const { return seconds_; }
  // The devices ("cpu", "cuda:0") on which calls were measured.
  const std::set<std::string>& measured_on() const { return measured_on_; }

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override;

 private:
  struct Unit {
    std::int32_t t_index = 0;
    std::int32_t prompt = 0;
    std::vector<std::int32_t> rows;
    std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> visits;  // by stack and layer
  };

  search::Profiler& profiler_;
  CallMeasurer& measurer_;
  engine::SelfAttention& inner_;
  std::optional<Unit> unit_;
  double seconds_ = 0.0;
  std::set<std::string> measured_on_;
};

}  // namespace twill::jobs
