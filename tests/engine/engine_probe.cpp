// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Runs one network on tensors from a file, for comparisons written in Python.
//   engine_probe dit|vae_decode|vae_encode WEIGHTS INPUTS OUTPUTS   safetensors files; the weights
//   may be an index engine_probe text TABLE OUTPUTS PROMPT
// Inputs: dit: x, timestep, context; vae_decode: latents; vae_encode: video; both may hold `chunk`.
// Output: `out`.
#include <ATen/ATen.h>

#include <cstdio>
#include <exception>
#include <string>

#include "twill/engine/text_table.h"
#include "twill/engine/wan_dit.h"
#include "twill/engine/wan_vae.h"
#include "twill/engine/weights.h"
#include "twill/plan/error.h"

namespace {

using twill::engine::Weights;

at::Tensor run_network(const std::string& what, const Weights& weights, const Weights& inputs) {
  if (what == "dit") {
    const twill::engine::WanDit dit(weights, detect_wan_config(weights), at::kFloat);
    twill::engine::DenseAttention attention;
    return dit.forward(inputs.get("x"), inputs.get("timestep"), inputs.get("context"), attention,
                       {});
  }
  const twill::engine::WanVae vae(weights, at::kFloat);
  twill::engine::VaeOptions options;
  options.chunk = inputs.contains("chunk") ? inputs.get("chunk").item<std::int64_t>() : 0;
  if (what == "vae_decode") {
    return vae.decode(inputs.get("latents"), options);
  }
  twill::require(what == "vae_encode", twill::ErrorCode::kUsage, "unknown network ", what);
  return vae.encode(inputs.get("video"), options);
}

int run(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  twill::require(argc == 5, twill::ErrorCode::kUsage, "four arguments are needed");
  if (what == "text") {
    const auto table = twill::engine::TextTable::load(argv[2]);
    twill::engine::write_safetensors(argv[3], {{"out", table.encode(argv[4])}});
    return 0;
  }
  twill::engine::write_safetensors(
      argv[4], {{"out", run_network(what, Weights::open(argv[2]), Weights::open(argv[3]))}});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const twill::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.code() == twill::ErrorCode::kUsage ? 2 : 1;
  }
}
