// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Seconds to measure the heads of one layer: on the GPU by the CUDA kernels, and copied to the CPU
// and measured there, in turns. Prints a line of JSON for each; fails where the two disagree.
//
//   bench_measuring [ROUNDS]    4 by default; needs a GPU that has our kernels
#include <ATen/ATen.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <variant>
#include <vector>

#include "call_measurer.h"
#include "cuda_measures.h"
#include "meter.h"
#include "timed_attention.h"
#include "twill/plan/error.h"
#include "twill/search/candidates.h"
#include "twill/search/profiler.h"

namespace {

using namespace twill;
using namespace twill::jobs;

struct Shape {
  const char* name;
  std::int32_t heads;
  std::int32_t head_dim;
  TokenLayout layout;
};

// Errors of normal q, k and v are near 1; bfloat16 rounds to 2^-9 of a value.
void check_agree(const Profile& profile, std::int32_t layers, std::int32_t heads) {
  const std::size_t candidates = profile.candidates.size();
  const std::size_t of_layer = static_cast<std::size_t>(heads) * candidates;
  for (std::int32_t layer = 0; layer + 1 < layers; layer += 2) {
    for (std::size_t i = 0; i < of_layer; ++i) {
      const double there = profile.head_error[static_cast<std::size_t>(layer) * of_layer + i];
      const double here = profile.head_error[static_cast<std::size_t>(layer + 1) * of_layer + i];
      require(std::abs(std::sqrt(there) - std::sqrt(here)) < 0.02, ErrorCode::kSystem, "layer ",
              layer, ", value ", i, ": ", there, " on the GPU and ", here, " on the CPU");
    }
  }
}

void measure(const Shape& shape, std::int32_t rounds) {
  const c10::InferenceMode inference;
  const c10::Device device(c10::kCUDA, 0);
  const auto random = [&] {
    return at::randn({1, shape.layout.tokens(), shape.heads, shape.head_dim},
                     at::TensorOptions(device).dtype(at::kBFloat16))
        .transpose(1, 2);
  };
  const at::Tensor q = random();
  const at::Tensor k = random();
  const at::Tensor v = random();
  search::Profiler profiler({.model = {.family = "made",
                                       .stacks = {{"blocks", 2 * rounds, shape.heads}},
                                       .head_dim = shape.head_dim},
                             .layout = shape.layout,
                             .candidates = search::candidate_patterns(shape.layout, {}),
                             .t = {0.5},
                             .prompts = {"made"},
                             .seeds = {0},
                             .rows = 64});
  const MeasuringTask task = measuring_task(profiler, shape.layout.tokens());
  CudaMeasures there(task);
  CpuMeasurer here;
  const std::vector<std::int32_t> rows = profiler.rows(0, 0);
  const std::vector<double> gain(static_cast<std::size_t>(shape.heads), 1.0);
  std::int32_t layer = 0;
  synchronise(device);
  for (std::int32_t round = 0; round < rounds; ++round) {
    for (CallMeasurer* measurer :
         {static_cast<CallMeasurer*>(&there), static_cast<CallMeasurer*>(&here)}) {
      const Clock::time_point begin = Clock::now();
      const ShownCall shown = measurer->show(q, k, v, rows);
      std::visit([&](const auto& call) { profiler.observe({.layer = layer++}, call.view(), gain); },
                 shown);
      std::printf(
          "{\"shape\": \"%s\", \"heads\": %d, \"tokens\": %d, \"head_dim\": %d, \"candidates\": "
          "%zu, \"rows\": %zu, "
          "\"map_size\": %d, \"on\": \"%s\", \"round\": %d, \"seconds\": %.5f}\n",
          shape.name, shape.heads, shape.layout.tokens(), shape.head_dim, task.candidates.size(),
          rows.size(), task.map_size, measurer == &there ? "gpu" : "cpu, with the copy", round,
          seconds_since(begin));
      std::fflush(stdout);
    }
  }
  profiler.finish_unit(0, 0);
  check_agree(profiler.finish(), 2 * rounds, shape.heads);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 4;
  try {
    require(rounds > 0, ErrorCode::kUsage, "rounds: ", argv[1], " is not above 0");
    measure({"demo", 4, 64, {.frames = 13, .rows = 16, .cols = 16}}, rounds);
    measure({"Wan 1.3B at 480p", 12, 128, {.frames = 21, .rows = 30, .cols = 52}}, rounds);
    measure(
        {"HunyuanVideo at 720p", 24, 128, {.frames = 33, .rows = 45, .cols = 80, .suffix = 256}},
        rounds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_measuring: %s\n", error.what());
    return 1;
  }
}
