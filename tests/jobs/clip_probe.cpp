// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Makes a dense clip as `twill generate` does and keeps its latents too, for comparisons written in
// Python.
//   clip_probe ORDERS...   JSON files, one after another
// Each has: model, prompt, out, and what it needs of negative, seed, width, height, frames, steps,
// shift, cfg, cfg_second, sampler, dtype, loras (as --lora has them), image, end_image, vae,
// text_encoder, tokenizer, image_encoder, low_noise. Out is a safetensors file of `latents` (mean
// 0, deviation 1) and `frames` [frames, height, width, 3] uint8. What a job notes goes to stdout.
#include <ATen/ATen.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>

#include "session.h"
#include "twill/engine/attention.h"
#include "twill/engine/weights.h"
#include "twill/plan/error.h"

namespace {

using nlohmann::json;

template <typename Value>
std::optional<Value> optional(const json& order, const char* name) {
  return order.contains(name) ? std::optional(order[name].get<Value>()) : std::nullopt;
}

twill::report::ClipSettings settings_of(const json& order) {
  const auto file = [&](const char* name) { return order.value(name, std::string()); };
  twill::report::ClipSettings clip{
      .model = order.at("model").get<std::string>(),
      .width = optional<std::int32_t>(order, "width"),
      .height = optional<std::int32_t>(order, "height"),
      .frames = optional<std::int32_t>(order, "frames"),
      .steps = optional<std::int32_t>(order, "steps"),
      .shift = optional<double>(order, "shift"),
      .cfg = twill::Guidance(order.value("cfg", 1.0), optional<double>(order, "cfg_second")),
      .negative_prompt = order.value("negative", std::string()),
      .sampler = optional<std::string>(order, "sampler"),
      .dtype = order.value("dtype", std::string("float32")),
      .image = file("image"),
      .end_image = file("end_image"),
  };
  clip.model.low_noise = file("low_noise");
  clip.model.vae = file("vae");
  clip.model.text_encoder = file("text_encoder");
  clip.model.tokenizer = file("tokenizer");
  clip.model.image_encoder = file("image_encoder");
  for (const std::string& lora : order.value("loras", std::vector<std::string>())) {
    clip.loras.push_back(twill::parse_lora(lora));
  }
  return clip;
}

void make_clip(const json& order) {
  twill::jobs::JobControl control;
  control.note = [](const std::string& text) { std::printf("%s\n", text.c_str()); };
  const twill::jobs::Session session(settings_of(order), control);
  const twill::jobs::EncodedPrompt prompt = session.encode(order.at("prompt").get<std::string>());
  twill::engine::DenseAttention attention;
  const twill::jobs::Denoised made =
      session.denoise(prompt, order.value("seed", std::uint64_t{0}), attention, "denoise");
  twill::engine::write_safetensors(
      order.at("out").get<std::string>(),
      {{"latents", made.latents}, {"frames", session.decode(made.latents, "decode", nullptr)}});
}

}  // namespace

int main(int argc, char** argv) {
  try {
    for (int i = 1; i < argc; ++i) {
      std::ifstream file(argv[i]);
      make_clip(json::parse(file));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
