// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/memory_need.h"

#include <gtest/gtest.h>

#include <string>

#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "twill/engine/memory_plan.h"
#include "twill/jobs/estimate.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPlenty = std::int64_t{1} << 40;

class Tiny {
 public:
  explicit Tiny(const tests::TinyModel& model) {
    tests::write_tiny_model(folder / "tiny", model);
    facts = read_model_facts(folder / "tiny");
  }
  const tests::ScratchFolder folder;
  ModelFacts facts;
};

constexpr const char* kNothing = "nothing was refused";

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return kNothing;
}

TEST(MemoryNeed, where_all_fits_all_layers_stay) {
  const Tiny one({.layers = 4});
  const DeviceNeed need = device_need(one.facts, {}, kPlenty);
  EXPECT_EQ(need.limit, kPlenty);
  EXPECT_EQ(need.layers, 4);
  EXPECT_EQ(need.resident, 4);
  EXPECT_EQ(need.experts, 1);
  EXPECT_EQ(need.host, 0);
  EXPECT_GT(need.taken, need.forward);
  // Both experts stay; their weights are counted twice.
  const Tiny two({.layers = 4, .from_pictures = true});
  const DeviceNeed of_two = device_need(two.facts, {}, kPlenty);
  EXPECT_EQ(of_two.experts, 2);
  EXPECT_GT(of_two.taken - of_two.forward, 1.8 * static_cast<double>(need.taken - need.forward));
}

TEST(MemoryNeed, where_it_does_not_fit_layers_stand_in_host_memory) {
  const Tiny tiny({.layers = 128});  // more than the VAE takes
  const DeviceNeed all = device_need(tiny.facts, {}, kPlenty);
  const DeviceNeed some = device_need(tiny.facts, {}, all.taken - 1);
  EXPECT_GT(some.host, 0);
  EXPECT_EQ(some.host % 128, 0);
  EXPECT_LE(some.taken, some.limit);
  // All layers but two of what the limit lets stay: one computes, one is on its way.
  EXPECT_EQ(some.resident, 127 - 2);
}

TEST(MemoryNeed, where_host_memory_is_short_layers_are_read_from_the_file) {
  const Tiny tiny({.layers = 128});
  const DeviceNeed all = device_need(tiny.facts, {}, kPlenty);
  const std::int64_t layer = device_need(tiny.facts, {}, all.taken - 1).host / 128;
  const std::int64_t limit = all.taken - 8 * layer;
  const DeviceNeed with_host = device_need(tiny.facts, {}, limit);
  EXPECT_EQ(with_host.from_file, 0);
  const DeviceNeed without = device_need(tiny.facts, {}, limit, 0);
  EXPECT_EQ(without.from_file, 128 - without.resident);
  // Layers that stay on the device give way first: they are read once.
  const DeviceNeed half = device_need(tiny.facts, {}, limit, with_host.host / 2);
  EXPECT_LE(half.host, with_host.host / 2);
  EXPECT_EQ(half.from_file, 0);
  const DeviceNeed little = device_need(tiny.facts, {}, limit, 4 * layer);
  EXPECT_GT(little.from_file, 0);
  EXPECT_LT(little.from_file, without.from_file);
  EXPECT_EQ(half.resident, with_host.resident);
}

TEST(MemoryNeed, tells_in_how_many_tiles_the_vae_works) {
  const Tiny tiny({.layers = 8});  // less than the VAE takes
  const report::ClipSettings clip{.width = 512, .height = 256};
  const DeviceNeed whole = device_need(tiny.facts, clip, kPlenty);
  EXPECT_EQ(whole.vae_tiles, 1);
  std::int64_t limit = whole.taken;
  while (refusal([&] { device_need(tiny.facts, clip, limit); }) != kNothing) {
    limit += limit / 8;
  }
  const DeviceNeed in_tiles = device_need(tiny.facts, clip, limit);
  EXPECT_GT(in_tiles.vae_tiles, 1);
  EXPECT_LE(in_tiles.taken, in_tiles.limit);
}

TEST(MemoryNeed, grows_with_the_clip_and_with_the_dtype) {
  const Tiny tiny({});
  const DeviceNeed small = device_need(tiny.facts, {}, kPlenty);
  const DeviceNeed large = device_need(tiny.facts, {.width = 256, .height = 256}, kPlenty);
  EXPECT_EQ(large.forward, 4 * small.forward);
  const DeviceNeed wide = device_need(tiny.facts, {.dtype = "float32"}, kPlenty);
  EXPECT_GT(wide.taken, small.taken);
}

TEST(MemoryNeed, refuses_as_the_clip_would) {
  const Tiny tiny({});
  const std::string too_few = refusal([&] { device_need(tiny.facts, {}, 1000); });
  EXPECT_TRUE(
      too_few.starts_with("0.00 GiB of the device's memory are too few: a step of this "
                          "size takes 0.00 GiB and the weights at least "))
      << too_few;
  EXPECT_EQ(refusal([&] { device_need(tiny.facts, {.width = 100}, kPlenty); }),
            "width 100 is not a multiple of 16 in 16..4096");
  GenerateOptions options{.clip = {.model = tiny.facts.files}};
  options.clip.loras = {{.file = tiny.folder / "none.safetensors"}};
  const std::string no_lora = refusal([&] { memory_need(tiny.facts, options); });
  EXPECT_NE(no_lora.find("none.safetensors"), std::string::npos) << no_lora;
}

TEST(MemoryNeed, without_a_gpu_is_that_of_the_process) {
  const Tiny tiny({});
  const GenerateOptions options{.clip = {.model = tiny.facts.files, .dtype = "float32"}};
  const MemoryNeed need = memory_need(tiny.facts, options);
  if (need.device) {
    GTEST_SKIP() << "there is a GPU";
  }
  const ModelSpeed speed{.dtype = "float32"};
  EXPECT_EQ(*need.process_bytes, estimate_clip(tiny.facts, speed, options, 1.0).memory_bytes);
}

}  // namespace
}  // namespace twill::jobs
