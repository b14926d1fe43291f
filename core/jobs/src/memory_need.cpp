// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/memory_need.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "memory_limit.h"
#include "twill/engine/model.h"
#include "twill/jobs/estimate.h"
#include "twill/jobs/free_memory.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

at::ScalarType dtype_for(const report::ClipSettings& clip, at::Device device) {
  const auto told = clip.dtype ? engine::dtype_of(*clip.dtype) : std::nullopt;
  return told.value_or(engine::choose_dtype(device));
}

ClipSize size_of(const report::ClipSettings& clip) {
  return {*clip.width, *clip.height, *clip.frames};
}

// The model by its headers, its networks with all the memory they want; it is judged as loading it
// with LoRAs does.
engine::VideoModel without_limit(const ModelFacts& facts, const report::ClipSettings& clip,
                                 at::ScalarType dtype) {
  return engine::load_model(
      facts.files, {.device = at::Device(at::kMeta),
                    .dtype = dtype,
                    .fp8_products = clip.dtype == report::kFp8Products,
                    .loras = clip.loras,
                    .memory = std::numeric_limits<std::int64_t>::max(),
                    .size = [&clip](const engine::ModelDefaults&) { return size_of(clip); }});
}

std::int64_t vae_tiles(const engine::VideoModel& model, const engine::MemoryPlan& plan,
                       const ClipSize& size) {
  const engine::LatentGrid cells = model.cells(size);
  return engine::tiles_within(plan.room(), cells,
                              [&](const engine::VaeTiles& tiles) {
                                return model.vae->bytes(engine::VaeWork::kDecode, cells, tiles);
                              })
      .count();
}

DeviceNeed need_of(const engine::MemoryPlan& plan) {
  const engine::NetworkMemory& network = plan.network;
  // Of experts that do not all fit, one's layers stand on the device at a time.
  const std::int64_t layers = plan.limits ? std::min(plan.limits->on_device, network.all_layers)
                                          : plan.experts * network.all_layers;
  return {.limit = plan.budget,
          .taken = plan.standing() + network.forward + layers,
          .forward = network.forward,
          .layers = network.layers,
          .resident = plan.resident(),
          .experts = plan.experts,
          .host = plan.host(),
          .from_file = plan.from_file()};
}

}  // namespace

DeviceNeed device_need(const ModelFacts& facts, const report::ClipSettings& settings,
                       std::int64_t limit, std::optional<std::int64_t> host) {
  const report::ClipSettings clip = with_defaults(settings, facts);
  report::check_clip_settings(clip, model_family(facts.shape.family));
  const engine::VideoModel model =
      without_limit(facts, clip, dtype_for(clip, at::Device(at::kCUDA)));
  const engine::MemoryPlan plan =
      engine::plan_memory(model.memory->network, model.memory->experts, limit, host);
  DeviceNeed need = need_of(plan);
  need.vae_tiles = vae_tiles(model, plan, size_of(clip));
  return need;
}

MemoryNeed memory_need(const ModelFacts& facts, const GenerateOptions& options) {
  const report::ClipSettings clip = with_defaults(options.clip, facts);
  const at::Device device = engine::choose_device();
  const std::optional<std::int64_t> limit =
      memory_limit(clip.vram_gib, engine::device_memory(device));
  if (limit) {
    return {.device = device_need(facts, clip, *limit,
                                  host_memory_limit(clip.ram_gib, free_memory_bytes()))};
  }
  report::check_clip_settings(clip, model_family(facts.shape.family));
  const std::string why_not =
      clip.dtype == report::kFp8Products ? engine::why_no_fp8(device) : std::string();
  require(why_not.empty(), ErrorCode::kUsage, why_not);
  const at::ScalarType dtype = dtype_for(clip, device);
  without_limit(facts, clip, dtype);  // for what it refuses
  return {.process_bytes = process_bytes(facts, options, engine::dtype_name(dtype))};
}

}  // namespace twill::jobs
