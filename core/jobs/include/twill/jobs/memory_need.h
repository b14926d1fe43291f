// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a clip needs of a GPU and of host memory, from the headers of its model, before it is
// loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "twill/jobs/generate.h"
#include "twill/jobs/model_facts.h"

namespace twill::jobs {

// Of the networks and a step; the text encoder goes before they come. All numbers are bytes.
struct DeviceNeed {
  std::int64_t limit = 0;     // that networks and a step may take
  std::int64_t taken = 0;     // of it, while the sampler runs
  std::int64_t forward = 0;   // of that, what a step keeps beside weights: an estimate
  std::int64_t layers = 0;    // of a network
  std::int64_t resident = 0;  // of those, how many stay on the device while it runs
  std::int64_t experts = 1;
  std::int64_t host = 0;       // of host memory, for layers that are copied before their turn
  std::int64_t from_file = 0;  // layers of a network that are read from the file at every step
  // Parts of a frame that the VAE decodes one after the other, while no step runs; 1: whole ones.
  std::int64_t vae_tiles = 1;
};

struct MemoryNeed {
  std::optional<DeviceNeed> device;  // empty: there is no GPU
  // Of the whole process at its highest; without a GPU only, where it holds everything.
  std::optional<std::int64_t> process_bytes;
};

// As `generate` will have it on this machine. Throws Error as it does before it reads weights: a
// LoRA that fits nothing, a limit that is too small.
MemoryNeed memory_need(const ModelFacts& facts, const GenerateOptions& options);
// The same on a GPU that gives so much beside so much of host memory (empty: there is no limit), in
// the dtype of `clip`, else bf16 as GPUs have it.
DeviceNeed device_need(const ModelFacts& facts, const report::ClipSettings& clip,
                       std::int64_t limit, std::optional<std::int64_t> host = {});

}  // namespace twill::jobs
