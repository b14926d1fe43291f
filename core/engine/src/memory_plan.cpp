// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/memory_plan.h"

#include <algorithm>
#include <cstdio>

#include "layer_places.h"
#include "twill/plan/error.h"

namespace twill::engine {

namespace {

LayerPlaces places_of(const MemoryPlan& plan) {
  const NetworkMemory& network = plan.network;
  return {network.layers, network.all_layers, network.layer, *plan.limits};
}

}  // namespace

std::int64_t layers_within(std::int64_t layers, std::int64_t all, std::int64_t largest,
                           std::int64_t limit) {
  return all <= limit ? layers : std::max<std::int64_t>(limit / largest - 2, 0);
}

std::int64_t MemoryPlan::standing() const {
  return experts * (network.outside + network.prompts) + network.shared;
}

std::int64_t MemoryPlan::resident() const {
  return limits ? places_of(*this).resident() : network.layers;
}

std::int64_t MemoryPlan::room() const {
  return budget - standing() - (limits ? 0 : experts * network.all_layers);
}

std::int64_t MemoryPlan::host() const {
  if (!limits) {
    return 0;
  }
  const std::int64_t from_file = places_of(*this).from_file();
  const std::int64_t of_one =
      from_file == 0 ? network.all_layers : (network.layers - from_file + 2) * network.layer;
  return experts * of_one;
}

std::int64_t MemoryPlan::from_file() const {
  return limits ? places_of(*this).from_file_each_pass() : 0;
}

std::string MemoryPlan::note() const {
  if (!limits) {
    return {};
  }
  const std::int64_t not_in_host = places_of(*this).from_file();
  const std::string of_files =
      not_in_host == 0
          ? ""
          : concat("; for ", not_in_host, " of ", network.layers,
                   " it has no room: these are read from the file when they are needed, ",
                   from_file(), " of them at every step");
  if (budget >= standing() + network.forward + experts * network.all_layers) {
    return concat("the weights (", gib_text(experts * network.weights()), ") and a step fit into ",
                  gib_text(budget), ", but leave less than the ", gib_text(network.decode),
                  " that the VAE takes at least: layers give way to it, and ", gib_text(host()),
                  " of host memory hold them", of_files);
  }
  const std::string of_all = experts > 1 ? concat(" of each of ", experts, " networks") : "";
  return concat("the weights (", gib_text(experts * network.weights()), ") do not fit into ",
                gib_text(budget), " beside the ", gib_text(network.forward),
                " of a step: ", resident(), " of ", network.layers, " layers", of_all,
                " stay on the device while it runs, and ", gib_text(host()),
                " of host memory hold the layers", of_files);
}

MemoryPlan plan_memory(const NetworkMemory& network, std::int64_t experts, std::int64_t budget,
                       std::optional<std::int64_t> host) {
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
  plan.limits = {.on_device = budget - standing - network.forward};
  if (host) {
    plan.limits->in_host = *host / experts;
  }
  return plan;
}

std::string gib_text(std::int64_t bytes) {
  constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GiB", static_cast<double>(bytes) / kGib);
  return text;
}

}  // namespace twill::engine
