// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How a model's networks share a device's memory with what a step takes. All numbers are bytes.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace twill::engine {

// Of one network; experts are alike.
struct NetworkMemory {
  std::int64_t layers = 0;      // how many
  std::int64_t layer = 0;       // the weights of the largest
  std::int64_t all_layers = 0;  // the weights of all
  std::int64_t outside = 0;     // weights that are of no layer: always on the device
  std::int64_t prompts = 0;     // keys and values of two prompts, with and without guidance
  std::int64_t shared = 0;      // weights of what all experts share: the VAE
  std::int64_t forward = 0;     // what a forward keeps at a time beside weights: an estimate
  // What the VAE takes while it decodes, in tiles as small as they may be; no forward runs then.
  std::int64_t decode = 0;

  std::int64_t weights() const { return all_layers + outside; }
};

// What one network's layers may take at a time.
struct LayerLimits {
  std::int64_t on_device = 0;
  // Layers that stand in neither are read from their file before their turn.
  std::int64_t in_host = std::numeric_limits<std::int64_t>::max();

  bool operator==(const LayerLimits&) const = default;
};

struct MemoryPlan {
  NetworkMemory network;
  std::int64_t experts = 1;
  std::int64_t budget = 0;  // that it was made for
  // Of the expert whose turn it is on the device, and of each in host memory; empty: the weights of
  // all experts fit on the device and stay.
  std::optional<LayerLimits> limits;

  // What never gives way: weights outside of layers, keys and values of prompts, the VAE's weights.
  std::int64_t standing() const;
  // Layers that stay on the device while their expert runs.
  std::int64_t resident() const;
  // What the VAE may take while no network runs, and layers that give way have given way.
  std::int64_t room() const;
  // Of host memory, for layers.
  std::int64_t host() const;
  // Layers of a network that are read from its file whenever it runs, for want of memory.
  std::int64_t from_file() const;
  // A sentence for people; empty where everything stays on the device.
  std::string note() const;
};

// Throws Error(kUsage) saying what would be needed where not even one layer fits beside a forward,
// or the VAE not beside what stays on the device.
// host: what layers may take of host memory; empty: all that they want.
MemoryPlan plan_memory(const NetworkMemory& network, std::int64_t experts, std::int64_t budget,
                       std::optional<std::int64_t> host = {});

// Of `layers` layers that take `all` bytes and `largest` at most each, how many stay within
// `limit`: of what two leave, on the device the one that computes and the one that is copied
// meanwhile, in host memory the one that is read and the one that is copied.
std::int64_t layers_within(std::int64_t layers, std::int64_t all, std::int64_t largest,
                           std::int64_t limit);

// "11.5 GiB".
std::string gib_text(std::int64_t bytes);

}  // namespace twill::engine
