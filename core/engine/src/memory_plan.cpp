// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/memory_plan.h"

#include <algorithm>
#include <cstdio>

#include "twill/plan/error.h"

namespace twill::engine {

std::int64_t resident_layers(std::int64_t layers, std::int64_t all, std::int64_t largest,
                             std::int64_t limit) {
  return all <= limit ? layers : std::max<std::int64_t>(limit / largest - 2, 0);
}

std::int64_t MemoryPlan::standing() const {
  return experts * (network.outside + network.prompts) + network.shared;
}

std::int64_t MemoryPlan::resident() const {
  return layer_bytes
             ? resident_layers(network.layers, network.all_layers, network.layer, *layer_bytes)
             : network.layers;
}

std::int64_t MemoryPlan::room() const {
  return budget - standing() - (layer_bytes ? 0 : experts * network.all_layers);
}

std::int64_t MemoryPlan::host() const { return layer_bytes ? experts * network.all_layers : 0; }

std::string MemoryPlan::note() const {
  if (!layer_bytes) {
    return {};
  }
  if (budget >= standing() + network.forward + experts * network.all_layers) {
    return concat("the weights (", gib_text(experts * network.weights()), ") and a step fit into ",
                  gib_text(budget), ", but leave less than the ", gib_text(network.decode),
                  " that the VAE takes at least: layers give way to it, and ", gib_text(host()),
                  " of host memory hold them");
  }
  const std::string of_all = experts > 1 ? concat(" of each of ", experts, " networks") : "";
  return concat("the weights (", gib_text(experts * network.weights()), ") do not fit into ",
                gib_text(budget), " beside the ", gib_text(network.forward),
                " of a step: ", resident(), " of ", network.layers, " layers", of_all,
                " stay on the device while it runs, and ", gib_text(host()),
                " of host memory hold the layers");
}

MemoryPlan plan_memory(const NetworkMemory& network, std::int64_t experts, std::int64_t budget) {
  MemoryPlan plan{.network = network, .experts = experts, .budget = budget};
  const std::int64_t standing = plan.standing();
  const std::int64_t at_a_time = std::max(network.forward, network.decode);
  if (standing + at_a_time + experts * network.all_layers <= budget) {
    return plan;
  }
  const auto require_room = [&](std::int64_t weights, std::int64_t taken, const char* what) {
    require(weights + taken <= budget, ErrorCode::kUsage, gib_text(budget),
            " of the device's memory are too few: ", what, " takes ", gib_text(taken),
            " and the weights at least ", gib_text(weights),
            ", the rest of them standing in host memory; choose fewer frames, a smaller size or, "
            "where the device has more, a greater --vram");
  };
  require_room(standing + network.layer, network.forward, "a step of this size");
  require_room(standing, network.decode, "decoding a clip of this size in tiles");
  plan.layer_bytes = budget - standing - network.forward;
  return plan;
}

std::string gib_text(std::int64_t bytes) {
  constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GiB", static_cast<double>(bytes) / kGib);
  return text;
}

}  // namespace twill::engine
