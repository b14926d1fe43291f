// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "layer_store.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "engine_support.h"
#include "twill/engine/attention.h"
#include "twill/engine/memory_plan.h"
#include "twill/engine/wan_dit.h"

namespace twill::engine {
namespace {

using testing::dit_metadata;
using testing::random_dit;
using testing::saved;
using testing::SmallDit;
using testing::TempDir;

LayerTensors tensors_of(std::int64_t layer) {
  const auto seed = static_cast<double>(layer);
  return {at::arange(7, at::kFloat) + seed, at::full({3, 5}, seed, at::kBFloat16),
          at::full({1}, layer, at::kLong)};
}

bool equal(const LayerTensors& a, const LayerTensors& b) {
  return std::ranges::equal(
      a, b, [](const at::Tensor& x, const at::Tensor& y) { return at::equal(x.cpu(), y.cpu()); });
}

// All layers alike.
LayerPlaces places_of(std::int64_t layers, std::int64_t bytes, const LayerLimits& limits) {
  return {layers, layers * bytes, bytes, limits};
}

// Not to be called where all layers have a place in memory.
LayerTensors no_file(std::int64_t layer) {
  ADD_FAILURE() << "layer " << layer << " was read again";
  return {};
}

struct Limit {
  std::int64_t layers;
  double of_one;  // limit, in layers
  std::int64_t resident;
};
void PrintTo(const Limit& limit, std::ostream* out) {
  *out << limit.layers << " layers, " << limit.of_one;
}
class LayerStoreLimits : public ::testing::TestWithParam<Limit> {};
// From none that stays to all that do: every layer is what it was, pass after pass, also after the
// device's memory was given back between two passes.
TEST_P(LayerStoreLimits, GiveEveryLayerAsItWas) {
  const std::int64_t bytes = LayerPacking(tensors_of(0)).bytes();
  const auto limit = static_cast<std::int64_t>(GetParam().of_one * static_cast<double>(bytes));
  LayerStore store(at::kCPU, places_of(GetParam().layers, bytes, {.on_device = limit}), no_file);
  for (std::int64_t i = 0; i < store.layers(); ++i) {
    store.add(tensors_of(i));
  }
  EXPECT_EQ(store.resident(), GetParam().resident);
  EXPECT_EQ(store.resident(),
            layers_within(GetParam().layers, GetParam().layers * bytes, bytes, limit));
  for (int round = 0; round < 4; ++round) {
    LayerStore::Pass pass(store);
    for (std::int64_t i = 0; i < store.layers(); ++i) {
      EXPECT_TRUE(equal(pass.layer(i), tensors_of(i))) << i << " in round " << round;
    }
  }
  store.release();
  store.release();
  LayerStore::Pass pass(store);
  EXPECT_TRUE(equal(pass.layer(store.layers() - 1), tensors_of(store.layers() - 1)));
  EXPECT_TRUE(equal(pass.layer(0), tensors_of(0)));
}
INSTANTIATE_TEST_SUITE_P(Layers, LayerStoreLimits,
                         ::testing::Values(Limit{1, 1, 1}, Limit{1, 0.5, 0}, Limit{2, 1, 0},
                                           Limit{2, 2, 2}, Limit{5, 0, 0}, Limit{5, 1.5, 0},
                                           Limit{5, 2, 0}, Limit{5, 3, 1}, Limit{5, 4, 2},
                                           Limit{5, 4.9, 2}, Limit{5, 5, 5}, Limit{5, 100, 5},
                                           Limit{7, 5, 3}));

TEST(LayerStore, LayersStandInSeveralPiecesOfHostMemory) {
  // Two tensors of more than a piece each, and a small one, so that tensors end inside of pieces.
  const auto large = [](double begin) {
    return LayerTensors{at::arange(begin, begin + 9'000'000, at::kFloat),
                        at::full({3}, begin, at::kFloat),
                        at::arange(begin, begin + 9'000'000, at::kFloat)};
  };
  LayerStore store(at::kCPU, places_of(2, LayerPacking(large(0)).bytes(), {}), no_file);
  store.add(large(0));
  store.add(large(5));
  LayerStore::Pass pass(store);
  EXPECT_TRUE(equal(pass.layer(1), large(5)));
  EXPECT_TRUE(equal(pass.layer(0), large(0)));
}

TEST(LayerStore, WithoutALimitTheTensorsAreTheGivenOnes) {
  LayerStore store(at::kCPU, 1);
  const LayerTensors given = tensors_of(3);
  store.add(given);
  store.release();
  LayerStore::Pass pass(store);
  EXPECT_TRUE(pass.layer(0)[0].is_same(given[0]));
}

// Two clips at once share a network: each walk over its layers ends before the next begins.
TEST(LayerStore, PassesOfTwoThreadsDoNotMix) {
  LayerStore store(at::kCPU, places_of(4, LayerPacking(tensors_of(0)).bytes(), {}), no_file);
  for (std::int64_t i = 0; i < 4; ++i) {
    store.add(tensors_of(i));
  }
  std::atomic<int> wrong = 0;
  const auto walk = [&] {
    for (int round = 0; round < 50; ++round) {
      LayerStore::Pass pass(store);
      for (std::int64_t i = 0; i < 4; ++i) {
        wrong += equal(pass.layer(i), tensors_of(i)) ? 0 : 1;
      }
    }
  };
  std::jthread other(walk);
  walk();
  other.join();
  EXPECT_EQ(wrong, 0);
}

// Q4_K_M files have some matrices in larger blocks: layers are not alike.
TEST(LayerStore, LayersMayTakeMoreAndLess) {
  const auto layer = [](std::int64_t i) {
    return LayerTensors{at::arange(100 * (i + 1), at::kFloat) + i, at::full({i}, i, at::kByte)};
  };
  std::int64_t all = 0, largest = 0;
  for (std::int64_t i = 0; i < 6; ++i) {
    largest = std::max(largest, LayerPacking(layer(i)).bytes());
    all += LayerPacking(layer(i)).bytes();
  }
  for (const std::int64_t limit : {std::int64_t{0}, largest, 3 * largest, all - 1, all}) {
    LayerStore store(at::kCPU, LayerPlaces(6, all, largest, {.on_device = limit}), no_file);
    for (std::int64_t i = 0; i < 6; ++i) {
      store.add(layer(i));
    }
    EXPECT_EQ(store.resident() == 6, limit == all);
    for (int round = 0; round < 3; ++round) {
      LayerStore::Pass pass(store);
      for (std::int64_t i = 0; i < 6; ++i) {
        EXPECT_TRUE(equal(pass.layer(i), layer(i))) << i << " within " << limit;
      }
    }
  }
}

struct LittleHost {
  double on_device, in_host;  // in layers, of 8
  std::int64_t once, each_pass;
};
void PrintTo(const LittleHost& limits, std::ostream* out) {
  *out << limits.on_device << " on the device, " << limits.in_host << " in host memory";
}
class LittleHostMemory : public ::testing::TestWithParam<LittleHost> {};
// What stands in no memory is read anew: layers that stay on the device once, when they come there,
// and streamed ones in every pass, which gives the same tensors.
TEST_P(LittleHostMemory, GivesEveryLayerAsItWas) {
  const auto& [on_device, in_host, once, each_pass] = GetParam();
  const std::int64_t bytes = LayerPacking(tensors_of(0)).bytes();
  const auto of_layers = [&](double count) {
    return static_cast<std::int64_t>(count * static_cast<double>(bytes));
  };
  const LayerPlaces places =
      places_of(8, bytes, {.on_device = of_layers(on_device), .in_host = of_layers(in_host)});
  EXPECT_EQ(places.from_file(), once + each_pass);
  EXPECT_EQ(places.from_file_each_pass(), each_pass);
  for (const at::Device device : testing::devices_here()) {
    std::int64_t reads = 0;
    LayerStore store(device, places, [&](std::int64_t layer) {
      EXPECT_FALSE(places.is_in_host(layer));
      ++reads;
      return tensors_of(layer);
    });
    for (std::int64_t i = 0; i < 8; ++i) {
      store.add(tensors_of(i));
    }
    EXPECT_EQ(reads, 0);
    const auto walk = [&] {
      LayerStore::Pass pass(store);
      for (std::int64_t i = 0; i < 8; ++i) {
        EXPECT_TRUE(equal(pass.layer(i), tensors_of(i))) << i;
      }
    };
    walk();
    // The first of the next pass is on its way already.
    EXPECT_LE(std::abs(reads - (once + each_pass)), 1);
    const std::int64_t before = reads;
    walk();
    walk();
    EXPECT_EQ(reads - before, 2 * each_pass);
    store.release();
    const std::int64_t released = reads;
    walk();
    EXPECT_LE(std::abs(reads - released - (once + each_pass)), 1);
  }
}
INSTANTIATE_TEST_SUITE_P(Limits, LittleHostMemory,
                         ::testing::Values(LittleHost{0, 8, 0, 0}, LittleHost{0, 7.9, 0, 3},
                                           LittleHost{0, 0, 0, 8}, LittleHost{0, 2, 0, 8},
                                           LittleHost{4, 8, 0, 0}, LittleHost{4, 7, 2, 1},
                                           LittleHost{4, 0, 2, 6}, LittleHost{6, 6, 4, 0},
                                           LittleHost{6, 3, 4, 3}));

// A disk that fails once is no reason to give another layer's numbers.
TEST(LayerStore, AFailedReadIsThrownAndTheNextPassReadsAgain) {
  const std::int64_t bytes = LayerPacking(tensors_of(0)).bytes();
  bool fails = false;
  LayerStore store(at::kCPU, places_of(4, bytes, {.on_device = 0, .in_host = 0}),
                   [&](std::int64_t layer) {
                     require(!fails || layer != 2, ErrorCode::kFile, "model: cannot be read");
                     return tensors_of(layer);
                   });
  for (std::int64_t i = 0; i < 4; ++i) {
    store.add(tensors_of(i));
  }
  fails = true;
  {
    LayerStore::Pass pass(store);
    EXPECT_TRUE(equal(pass.layer(0), tensors_of(0)));
    EXPECT_TRUE(equal(pass.layer(1), tensors_of(1)));
    EXPECT_ERROR(pass.layer(2), "cannot be read");
  }
  fails = false;
  LayerStore::Pass pass(store);
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(equal(pass.layer(i), tensors_of(i))) << i;
  }
}

struct Network {
  const char* name;
  SmallDit shape;
  at::ScalarType dtype;
  at::ScalarType stored = at::kFloat;  // matrices of every other layer
};
void PrintTo(const Network& network, std::ostream* out) { *out << network.name; }
class LimitedWan : public ::testing::TestWithParam<Network> {};
TEST_P(LimitedWan, GivesTheSameBits) {
  const auto& [name, shape, dtype, stored] = GetParam();
  const TempDir folder;
  testing::Tensors tensors = random_dit(shape, 1);
  for (auto& [tensor, values] : tensors) {
    if (tensor.starts_with("blocks.") && (tensor[7] - '0') % 2 == 1 && values.dim() == 2) {
      values = values.to(stored);
    }
  }
  const Weights weights = saved(folder / "dit.safetensors", tensors, dit_metadata(shape));
  const WanConfig config = detect_wan_config(weights);
  // The numbers of a file that are kept are those that a file in the dtype has.
  for (auto& [tensor, values] : tensors) {
    values = values.to(at::kFloat);
  }
  const Weights plain = saved(folder / "plain.safetensors", tensors, dit_metadata(shape));
  const at::Tensor noise = at::randn({1, config.in_channels, 2, 4, 6});
  const at::Tensor words = at::randn({1, 3, shape.text_dim});
  const at::Tensor tokens = at::randn({1, 4, std::max<std::int64_t>(1, shape.image_dim)});
  for (const at::Device device : testing::devices_here()) {
    const at::Tensor x = noise.to(device);
    const at::Tensor text = words.to(device);
    const at::Tensor image = shape.image_dim > 0 ? tokens.to(device) : at::Tensor();
    const auto run = [&](const WanDit& dit) {
      DenseAttention dense;
      const WanPrompt prompt = dit.prepare_prompt(text, image);
      at::Tensor out;
      for (const double t : {900.0, 300.0}) {
        out = dit.forward(out.defined() ? x + out.repeat({1, config.in_channels / 16, 1, 1, 1}) : x,
                          at::full({1}, t), prompt, dense, {});
        dit.release();
      }
      return out;
    };
    const at::Tensor whole = run(WanDit(weights, config, {.dtype = dtype, .device = device}));
    EXPECT_TRUE(at::equal(run(WanDit(plain, config, {.dtype = dtype, .device = device})), whole));
    const std::int64_t layer = wan_memory(config, dtype, 1).layer;
    for (const std::int64_t limit : {std::int64_t{0}, 2 * layer + 4096, 3 * layer + 4096}) {
      for (const std::int64_t host : {std::int64_t{0}, 3 * layer + 4096, 5 * layer}) {
        const WanDit limited(weights, config,
                             {.dtype = dtype,
                              .device = device,
                              .limits = LayerLimits{.on_device = limit, .in_host = host}});
        EXPECT_LT(limited.resident_layers(), shape.layers);
        EXPECT_TRUE(at::equal(run(limited), whole)) << limit << ", " << host;
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(
    Networks, LimitedWan,
    ::testing::Values(
        Network{"fp32", {.layers = 5}, at::kFloat}, Network{"bf16", {.layers = 5}, at::kBFloat16},
        Network{"fp8", {.layers = 5}, at::kBFloat16, at::kFloat8_e4m3fn},
        Network{"of_pictures", {.layers = 5, .in_channels = 32, .image_dim = 12}, at::kFloat}),
    [](const auto& row) { return std::string(row.param.name); });

// Sizes of the order of Wan 14 B's in bf16 at 1280x720x81.
TEST(PlanMemory, SaysWhereWeightsStand) {
  constexpr std::int64_t kGib = std::int64_t{1} << 30;
  const NetworkMemory network{.layers = 40,
                              .layer = kGib * 7 / 10,
                              .all_layers = 40 * (kGib * 7 / 10),
                              .outside = kGib / 4,
                              .prompts = kGib / 8,
                              .shared = kGib / 4,
                              .forward = 8 * kGib};
  const MemoryPlan all = plan_memory(network, 1, 40 * kGib);
  EXPECT_EQ(all.limits, std::nullopt);
  EXPECT_EQ(all.host(), 0);
  EXPECT_EQ(all.note(), "");
  const MemoryPlan some = plan_memory(network, 2, 23 * kGib);
  EXPECT_EQ(some.limits, LayerLimits{.on_device = 14 * kGib});
  EXPECT_EQ(some.resident(), 18);
  EXPECT_EQ(some.note(),
            "the weights (56.50 GiB) do not fit into 23.00 GiB beside the 8.00 GiB of a step: 18 "
            "of 40 layers of each of 2 networks stay on the device while it runs, and 56.00 GiB "
            "of host memory hold the layers");
  const MemoryPlan little = plan_memory(network, 2, 23 * kGib, 28 * kGib);
  EXPECT_EQ(little.limits, (LayerLimits{.on_device = 14 * kGib, .in_host = 14 * kGib}));
  EXPECT_EQ(little.from_file(), 4);
  EXPECT_EQ(little.host(), 2 * 20 * network.layer);
  EXPECT_EQ(little.note(),
            "the weights (56.50 GiB) do not fit into 23.00 GiB beside the 8.00 GiB of a step: 18 "
            "of 40 layers of each of 2 networks stay on the device while it runs, and 28.00 GiB "
            "of host memory hold the layers; for 22 of 40 it has no room: these are read from the "
            "file when they are needed, 4 of them at every step");
  const MemoryPlan least = plan_memory(network, 1, kGib * 933 / 100);
  EXPECT_EQ(least.resident(), 0);
  EXPECT_ERROR(plan_memory(network, 1, 9 * kGib),
               "9.00 GiB of the device's memory are too few: a step of this size takes 8.00 GiB "
               "and the weights at least 1.32 GiB");
}

// While the VAE decodes no step runs, and layers that can give way have given way.
TEST(PlanMemory, CountsWhatTheVaeTakes) {
  constexpr std::int64_t kGib = std::int64_t{1} << 30;
  NetworkMemory network{.layers = 10,
                        .layer = kGib,
                        .all_layers = 10 * kGib,
                        .outside = kGib,
                        .prompts = kGib / 2,
                        .shared = kGib / 2,
                        .forward = 3 * kGib,
                        .decode = 2 * kGib};
  EXPECT_EQ(plan_memory(network, 1, 20 * kGib).room(), 8 * kGib);
  const MemoryPlan some = plan_memory(network, 1, 10 * kGib);
  EXPECT_EQ(some.limits, LayerLimits{.on_device = 5 * kGib});
  EXPECT_EQ(some.room(), 8 * kGib);
  network.decode = 6 * kGib;
  EXPECT_EQ(plan_memory(network, 1, 18 * kGib).limits, std::nullopt);
  const MemoryPlan gives_way = plan_memory(network, 1, 17 * kGib);
  EXPECT_EQ(gives_way.resident(), 10);
  EXPECT_EQ(gives_way.room(), 15 * kGib);
  EXPECT_EQ(gives_way.note(),
            "the weights (11.00 GiB) and a step fit into 17.00 GiB, but leave less than the 6.00 "
            "GiB that the VAE takes at least: layers give way to it, and 10.00 GiB of host memory "
            "hold them");
  EXPECT_EQ(plan_memory(network, 1, 8 * kGib).room(), 6 * kGib);
  EXPECT_ERROR(plan_memory(network, 1, 7 * kGib),
               "7.00 GiB of the device's memory are too few: decoding a clip of this size in tiles "
               "takes 6.00 GiB and the weights at least 2.00 GiB");
}

}  // namespace
}  // namespace twill::engine
