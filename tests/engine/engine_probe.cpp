// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Runs one network on tensors from a file, for comparisons written in Python.
//   engine_probe dit|denoise|vae_decode|vae_encode WEIGHTS INPUTS OUTPUTS   safetensors files; the
//   weights may be an index
//   engine_probe sparse=PLAN WEIGHTS INPUTS OUTPUTS   as denoise, by a plan
//   engine_probe lora=FILE:STRENGTH WEIGHTS INPUTS OUTPUTS   as dit, with a LoRA
//   engine_probe model=PROMPT FOLDER INPUTS OUTPUTS   a model folder's run, dense, by Euler steps
//   engine_probe clip_vision=HEADS WEIGHTS INPUTS OUTPUTS
//   engine_probe tae FILE INPUTS OUTPUTS   a tiny autoencoder's pictures
//   engine_probe picture WIDTHxHEIGHT|SIZE INPUTS OUTPUTS   a picture as the clip or CLIP takes it
//   engine_probe read_picture FILE INPUTS OUTPUTS   inputs are not looked at
//   engine_probe text TABLE OUTPUTS PROMPT
//   engine_probe stored FILE OUTPUTS -   all tensors of a weight file as they are read, and its
//   texts engine_probe encode FOLDER OUTPUTS PROMPT   by the text side of a model folder
//   engine_probe umt5=DTYPE FOLDER OUTPUTS PROMPT   umt5.safetensors and spiece.model of a folder
//   engine_probe umt5_weights=DTYPE FOLDER OUTPUTS PROMPTS   with ComfyUI's weights; a JSON list
//   of prompts, whose rows are `0`, `1` and so on
//   engine_probe sampler NAME INPUTS OUTPUTS
//   engine_probe noise SEED INPUTS OUTPUTS
//   engine_probe video FILE INPUTS OUTPUTS
// Inputs: dit: x, timestep, context, and `image` where the model takes its tokens; denoise (all
// steps of "euler"): x, context, steps, shift; vae_decode, tae: latents; vae_encode: video; both
// may hold `most_bytes` and `tiles` (rows, columns); sampler: x, velocity [steps, ...], shift;
// model: x, t (of each step, in double), `start` and `end` where it takes pictures; clip_vision:
// pixels; picture: picture; noise: shape; video: frames, fps. Output: `out`; sampler: also `t`, and
// `out` is x after each step; video: `out` is the size of FILE in bytes.
#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "image/picture_ops.h"
#include "models/wan/wan_tae.h"
#include "twill/engine/attention.h"
#include "twill/engine/clip_vision.h"
#include "twill/engine/device.h"
#include "twill/engine/model.h"
#include "twill/engine/noise.h"
#include "twill/engine/sampler.h"
#include "twill/engine/text_table.h"
#include "twill/engine/umt5.h"
#include "twill/engine/wan_dit.h"
#include "twill/engine/wan_vae.h"
#include "twill/engine/weights.h"
#include "twill/media/picture_io.h"
#include "twill/media/png.h"
#include "twill/media/video_io.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/sampler_times.h"

namespace {

using twill::engine::Weights;

constexpr std::string_view kSparse = "sparse=";
constexpr std::string_view kLora = "lora=";
constexpr std::string_view kModel = "model=";
constexpr std::string_view kUmt5 = "umt5=";
constexpr std::string_view kUmt5Weights = "umt5_weights=";
constexpr std::string_view kClipVision = "clip_vision=";

at::Tensor optional_input(const Weights& inputs, const char* name) {
  return inputs.contains(name) ? inputs.get(name) : at::Tensor();
}

at::Tensor denoise(const twill::engine::WanDit& dit, const Weights& inputs,
                   twill::engine::SelfAttention& attention) {
  const auto schedule = twill::engine::make_flow();
  const auto sampler = twill::engine::make_sampler(
      "euler",
      twill::sampler_t("euler", inputs.get("steps").item<std::int32_t>(),
                       inputs.get("shift").item<double>()),
      *schedule);
  const twill::engine::WanPrompt prompt = dit.prepare_prompt(inputs.get("context"));
  at::Tensor x = inputs.get("x");
  const std::vector<double> times = sampler->t();
  for (std::size_t i = 0; i < times.size(); ++i) {
    const at::Tensor timestep = at::full({x.size(0)}, 1000.0 * times[i], at::kFloat);
    x = sampler->step(i, x, dit.forward(x, timestep, prompt, attention, {.t = times[i]}));
  }
  return x;
}

// Tokens are 2 x 2 latent cells.
at::Tensor denoise_by(const std::string& plan, const twill::engine::WanDit& dit,
                      const Weights& inputs) {
  const at::Tensor x = inputs.get("x");
  const twill::TokenLayout layout{.frames = static_cast<std::int32_t>(x.size(2)),
                                  .rows = static_cast<std::int32_t>(x.size(3) / 2),
                                  .cols = static_cast<std::int32_t>(x.size(4) / 2)};
  twill::engine::PlanAttention attention(
      std::make_shared<const twill::Plan>(twill::read_plan(plan)), layout);
  const at::Tensor out = denoise(dit, inputs, attention);
  twill::require(attention.counts().fallback.empty(), twill::ErrorCode::kModel, plan,
                 ": some calls fell back to dense attention");
  return out;
}

at::Tensor run_model(const std::string& prompt, const std::filesystem::path& folder,
                     const Weights& inputs) {
  const twill::engine::VideoModel model =
      twill::engine::load_model(folder, {.device = c10::kCPU, .dtype = at::kFloat});
  const at::Tensor times = inputs.get("t");
  const std::vector<double> t(times.const_data_ptr<double>(),
                              times.const_data_ptr<double>() + times.numel());
  const auto schedule = twill::engine::make_schedule(model.family->prediction);
  const auto sampler = twill::engine::make_sampler("euler", t, *schedule);
  at::Tensor x = inputs.get("x");
  const twill::engine::Pictures pictures{.start = optional_input(inputs, "start"),
                                         .end = optional_input(inputs, "end")};
  twill::engine::ImageConditions images;
  if (pictures.start.defined()) {
    const auto& strides = model.family->strides;
    images = model.encode_pictures(
        pictures, {.width = static_cast<std::int32_t>(x.size(4)) * strides[2],
                   .height = static_cast<std::int32_t>(x.size(3)) * strides[1],
                   .frames = static_cast<std::int32_t>(x.size(2) - 1) * strides[0] + 1});
  }
  const twill::engine::Conditioned words = model.condition(prompt, images);
  twill::engine::DenseAttention attention;
  for (std::size_t i = 0; i < t.size(); ++i) {
    x = sampler->step(i, x, model.forward(x, words, attention, {.t = t[i]}));
    images.put_into(x);
  }
  return x;
}

at::Tensor read_picture(const std::filesystem::path& file) {
  const twill::media::Picture picture = twill::media::read_picture(file);
  at::Tensor pixels = at::empty({picture.height, picture.width, 3}, at::kByte);
  std::copy(picture.rgb.begin(), picture.rgb.end(), pixels.mutable_data_ptr<std::uint8_t>());
  return pixels;
}

at::Tensor run_picture(const std::string& size, const Weights& inputs) {
  const at::Tensor picture = inputs.get("picture");
  const std::size_t cross = size.find('x');
  return cross == std::string::npos
             ? twill::engine::clip_pixels(picture, std::stoll(size))
             : twill::engine::cover(picture, std::stoll(size), std::stoll(size.substr(cross + 1)));
}

at::Tensor run_network(const std::string& what, const Weights& weights, const Weights& inputs) {
  const bool sparse = what.starts_with(kSparse);
  const bool merged = what.starts_with(kLora);
  if (what == "dit" || what == "denoise" || sparse || merged) {
    const twill::engine::WanConfig config = detect_wan_config(weights);
    std::vector<twill::engine::Lora> loras;
    if (merged) {
      const std::vector<twill::LoraChoice> choices{twill::parse_lora(what.substr(kLora.size()))};
      loras = twill::engine::wan_loras(config, choices);
    }
    const twill::engine::WanDit dit(weights, config, {.dtype = at::kFloat}, loras);
    if (sparse) {
      return denoise_by(what.substr(kSparse.size()), dit, inputs);
    }
    twill::engine::DenseAttention attention;
    if (what == "denoise") {
      return denoise(dit, inputs, attention);
    }
    return dit.forward(inputs.get("x"), inputs.get("timestep"),
                       dit.prepare_prompt(inputs.get("context"), optional_input(inputs, "image")),
                       attention, {});
  }
  if (what.starts_with(kClipVision)) {
    const twill::engine::ClipVisionConfig config =
        detect_clip_vision_config(weights, std::stoll(what.substr(kClipVision.size())));
    return twill::engine::ClipVisionEncoder(weights, config, at::kFloat, at::kCPU)
        .run(inputs.get("pixels"));
  }
  const twill::engine::WanVae vae(weights, at::kFloat);
  twill::engine::VaeOptions options;
  options.most_bytes =
      inputs.contains("most_bytes") ? inputs.get("most_bytes").item<std::int64_t>() : 0;
  if (inputs.contains("tiles")) {
    const at::Tensor tiles = inputs.get("tiles");
    options.tiles = {tiles[0].item<std::int64_t>(), tiles[1].item<std::int64_t>()};
  }
  if (what == "vae_decode") {
    return vae.decode(inputs.get("latents"), options);
  }
  twill::require(what == "vae_encode", twill::ErrorCode::kUsage, "unknown network ", what);
  return vae.encode(inputs.get("video"), options);
}

std::map<std::string, at::Tensor> run_sampler(const std::string& name, const Weights& inputs) {
  const at::Tensor velocity = inputs.get("velocity");
  const auto schedule = twill::engine::make_flow();
  const auto sampler = twill::engine::make_sampler(
      name,
      twill::sampler_t(name, static_cast<std::int32_t>(velocity.size(0)),
                       inputs.get("shift").item<double>()),
      *schedule);
  std::vector<at::Tensor> steps{inputs.get("x")};
  for (std::int64_t i = 0; i < velocity.size(0); ++i) {
    steps.push_back(sampler->step(static_cast<std::size_t>(i), steps.back(), velocity[i]));
  }
  steps.erase(steps.begin());
  return {{"out", at::stack(steps)}, {"t", at::tensor(sampler->t(), at::kDouble)}};
}

at::Tensor run_noise(const std::string& seed, const Weights& inputs) {
  const at::Tensor shape = inputs.get("shape");
  const std::vector<std::int64_t> sizes(shape.const_data_ptr<std::int64_t>(),
                                        shape.const_data_ptr<std::int64_t>() + shape.numel());
  return twill::engine::make_noise(sizes, std::stoull(seed));
}

twill::media::RgbFrames rgb_frames(const at::Tensor& frames) {
  return {.width = static_cast<std::int32_t>(frames.size(2)),
          .height = static_cast<std::int32_t>(frames.size(1)),
          .frames = static_cast<std::int32_t>(frames.size(0)),
          .rgb = {frames.const_data_ptr<std::uint8_t>(), static_cast<std::size_t>(frames.numel())}};
}

at::Tensor write_clip(const std::filesystem::path& file, const Weights& inputs) {
  const at::Tensor frames = inputs.get("frames");
  if (file.extension() == ".png") {
    twill::media::write_png(file, rgb_frames(frames));
  } else {
    twill::media::write_video(file, rgb_frames(frames), inputs.get("fps").item<double>(),
                              {{"prompt", "a red ball"}, {"seed", "42"}});
  }
  return at::scalar_tensor(static_cast<std::int64_t>(std::filesystem::file_size(file)), at::kLong);
}

twill::engine::Umt5Encoder open_umt5(const std::filesystem::path& folder,
                                     const std::string& dtype) {
  return {Weights::open(folder / "umt5.safetensors"),
          twill::engine::SentencePiece::open(folder / "spiece.model"),
          twill::engine::dtype_of(dtype).value(), at::kCPU};
}

int run(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  twill::require(argc == 5, twill::ErrorCode::kUsage, "four arguments are needed");
  if (what == "text") {
    const auto table = twill::engine::TextTable::load(argv[2]);
    twill::engine::write_safetensors(argv[3], {{"out", table.encode(argv[4])}});
    return 0;
  }
  if (what == "encode") {
    const auto encoder = twill::engine::load_text_encoder(argv[2]);
    twill::engine::write_safetensors(argv[3], {{"out", encoder->encode(argv[4])}});
    return 0;
  }
  if (what == "stored") {
    const Weights weights = Weights::open(argv[2]);
    std::map<std::string, at::Tensor> tensors;
    for (const std::string& name : weights.names()) {
      tensors[name] = weights.get(name);
    }
    twill::engine::write_safetensors(argv[3], tensors, weights.metadata());
    return 0;
  }
  if (what.starts_with(kUmt5Weights)) {
    const auto encoder = open_umt5(argv[2], what.substr(kUmt5Weights.size()));
    std::map<std::string, at::Tensor> rows;
    for (const auto& prompt : nlohmann::json::parse(argv[4])) {
      rows[std::to_string(rows.size())] = encoder.encode(
          twill::engine::read_prompt(prompt.get<std::string>(), twill::PromptWeights::kComfyUi)
              .prompt);
    }
    twill::engine::write_safetensors(argv[3], rows);
    return 0;
  }
  if (what.starts_with(kUmt5)) {
    const auto encoder = open_umt5(argv[2], what.substr(kUmt5.size()));
    std::printf("%s\n", encoder.note(argv[4]).c_str());
    twill::engine::write_safetensors(argv[3], {{"out", encoder.encode(argv[4])}});
    return 0;
  }
  if (what == "sampler") {
    twill::engine::write_safetensors(argv[4], run_sampler(argv[2], Weights::open(argv[3])));
    return 0;
  }
  if (what == "tae") {
    const auto tae = twill::engine::read_wan_tae(argv[2], at::kFloat, at::kCPU);
    twill::engine::write_safetensors(
        argv[4], {{"out", tae->pictures(Weights::open(argv[3]).get("latents"))}});
    return 0;
  }
  if (what == "picture") {
    twill::engine::write_safetensors(argv[4],
                                     {{"out", run_picture(argv[2], Weights::open(argv[3]))}});
    return 0;
  }
  if (what == "read_picture") {
    twill::engine::write_safetensors(argv[4], {{"out", read_picture(argv[2])}});
    return 0;
  }
  if (what == "noise") {
    twill::engine::write_safetensors(argv[4],
                                     {{"out", run_noise(argv[2], Weights::open(argv[3]))}});
    return 0;
  }
  if (what == "video") {
    twill::engine::write_safetensors(argv[4],
                                     {{"out", write_clip(argv[2], Weights::open(argv[3]))}});
    return 0;
  }
  if (what.starts_with(kModel)) {
    const std::string prompt = what.substr(kModel.size());
    twill::engine::write_safetensors(argv[4],
                                     {{"out", run_model(prompt, argv[2], Weights::open(argv[3]))}});
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
