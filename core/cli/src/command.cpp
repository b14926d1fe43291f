// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "command.h"
#include "twill/jobs/comfy_folders.h"
#include "twill/jobs/model_facts.h"
#include "twill/jobs/model_folders.h"

#include <cmath>
#include <cstdio>
#include <iomanip>

namespace twill::cli {

void Context::print(const std::string& text, const std::string& json_text) const {
  const std::string& chosen = json ? json_text : text;
  std::fputs(chosen.c_str(), stdout);
  if (chosen.empty() || chosen.back() != '\n') {
    std::fputc('\n', stdout);
  }
}

std::string any_of(std::span<const std::string_view> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += concat(i == 0 ? "" : i + 1 < names.size() ? ", " : " or ", names[i]);
  }
  return text;
}

void add_model_options(CLI::App& verb, ModelFiles& model) {
  verb.add_option("--model", model.path,
                  "a folder with a model.json, or as diffusers saves a Wan pipeline; a checkpoint "
                  "file of Wan; or its name in ComfyUI (default: the demo model)");
  verb.add_option("--low-noise", model.low_noise,
                  "file of the low-noise expert (default: beside a --model that is named "
                  "high_noise)");
  verb.add_option("--vae", model.vae, "file of the VAE (default: the model's, or ComfyUI's)");
  verb.add_option("--text-encoder", model.text_encoder,
                  "file of the text encoder (default: the model's, or ComfyUI's)");
  verb.add_option(
      "--tokenizer", model.tokenizer,
      "SentencePiece model, tokenizer.json, or a safetensors file that holds a model (default: the "
      "one inside or beside the text encoder)");
  verb.add_option("--image-encoder", model.image_encoder,
                  "file of CLIP's vision encoder (default: the model's, or ComfyUI's)");
  verb.add_option_function<std::vector<std::filesystem::path>>(
          "--comfyui",
          [&model](const std::vector<std::filesystem::path>& named) {
            model.places = jobs::comfy_places(named);
          },
          "ComfyUI's folder, or an extra_model_paths.yaml; may be given several times (default: "
          "those of TWILL_COMFYUI, else ~/ComfyUI and the like)")
      ->type_name("PATH")
      ->allow_extra_args(false);
}

void complete(ModelFiles& model) {
  if (model.path.empty()) {
    model.path = jobs::find_demo_model();
  }
  std::error_code code;
  if (std::filesystem::is_directory(model.path, code)) {
    return;  // it has all that it needs, whatever is wrong with the folders of ComfyUI
  }
  if (model.places.empty()) {
    model.places = jobs::comfy_places();
  }
  model = jobs::find_model(model);
}

void add_clip_options(CLI::App& verb, report::ClipSettings& clip) {
  add_model_options(verb, clip.model);
  CLI::Option* image = verb.add_option(
      "--image", clip.image,
      "picture that the clip begins with (PNG, JPEG, WebP), for models that take one; "
      "its middle is cut to the clip's shape");
  verb.add_option("--end-image", clip.end_image, "picture that the clip ends with")->needs(image);
  verb.add_option_function<std::string>(
          "--size", [&clip](const std::string& text) { report::parse_size(text, clip); },
          "size in pixels, multiples of 16 for Wan, of 32 for Wan 2.2 TI2V (default: the model's)")
      ->type_name("WIDTHxHEIGHT");
  verb.add_option("--frames", clip.frames, "frames, 4 n + 1 for Wan (default: the model's)");
  verb.add_option("--fps", clip.fps, "frames a second of the file (default: the model's)");
  verb.add_option("--steps", clip.steps, "sampler steps (default: the model's)");
  verb.add_option("--shift", clip.shift, "shift of the timesteps (default: the model's)");
  verb.add_option_function<std::string>(
          "--cfg", [&clip](const std::string& text) { clip.cfg = parse_guidance(text); },
          "guidance scale; 1 is none, and 4,3 is 4 for the expert that begins and 3 for the other "
          "one (default: the model's)")
      ->type_name("SCALE[,SCALE]");
  verb.add_option("--negative", clip.negative_prompt, "what the guidance leads away from");
  verb.add_option_function<std::string>(
          "--prompt-weights",
          [&clip](const std::string& text) {
            clip.prompt_weights = report::parse_prompt_weights(text);
          },
          concat("how brackets in prompts are read: comfyui has (word) weigh 1.1 and (word:1.3) "
                 "weigh 1.3, as ComfyUI does; none has them as text, as diffusers does; auto is "
                 "comfyui for a prompt with a number such as :1.3) in it, else none"))
      ->type_name(all_names(kPromptWeightsNames, "|"))
      ->default_str(std::string(name_in(kPromptWeightsNames, clip.prompt_weights)));
  verb.add_option(
      "--sampler", clip.sampler,
      any_of(report::sampler_names()) + "; the last two are ComfyUI's (default: the model's)");
  verb.add_option("--dtype", clip.dtype,
                  any_of(report::dtype_names()) +
                      "; float8 is bfloat16 with the products of the layers in fp8, where the GPU "
                      "has them (default: bfloat16 or float32, as is faster here)");
  verb.add_option_function<std::vector<std::string>>(
          "--lora",
          [&clip](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              clip.loras.push_back(parse_lora(text));
            }
          },
          "LoRA to merge into the model, a file or the name that ComfyUI shows, with a strength "
          "(default 1); may be given several times. high_noise=FILE or low_noise=FILE is for that "
          "expert of Wan 2.2, others are for "
          "all")
      ->type_name("[EXPERT=]FILE[:STRENGTH]")
      ->allow_extra_args(false);
  verb.add_option("--threads", clip.threads, "threads; 0 is all that the process may use");
  verb.add_option("--vram", clip.vram_gib,
                  "most of the GPU's memory that the model may take, in GiB (default: what is "
                  "free); weights that do not fit stand in host memory and are copied in time")
      ->type_name("GIB");
  verb.add_option("--ram", clip.ram_gib,
                  "most of the host's memory that such weights may take, in GiB (default: what is "
                  "free); those that do not fit are read from the file in time")
      ->type_name("GIB");
}

CLI::Option* add_seed_option(CLI::App& verb, const std::string& name, std::uint64_t& seed,
                             const std::string& description) {
  // CLI11 takes the greatest number that it can hold for a greater one.
  return verb
      .add_option_function<std::string>(
          name, [&seed](const std::string& text) { seed = report::parse_seed(text); }, description)
      ->type_name("SEED")
      ->default_str(std::to_string(seed));
}

CLI::Option* add_adapt_option(CLI::App& verb, bool& adapt) {
  return verb.add_flag(
      "--adapt", adapt,
      "fit the plan to each clip's size and prompt while it is made, at the density "
      "that the plan has at this size");
}

void complete(report::ClipSettings& clip) {
  report::check_clip_settings(clip);
  complete(clip.model);
  if (!jobs::are_loras_there(clip.loras)) {
    const ModelPlaces& places = clip.model.places;
    clip.loras = jobs::find_loras(clip.loras, places.empty() ? jobs::comfy_places() : places);
  }
  jobs::check_clip(clip);
}

void add_prompt_options(CLI::App& verb, PromptOptions& prompts) {
  CLI::Option* text =
      verb.add_option("--prompt", prompts.texts, "a prompt; may be given several times")
          ->allow_extra_args(false);
  CLI::Option* file =
      verb.add_option("--prompts", prompts.file, "file of prompts, one a line, '#' for comments");
  verb.add_option("--count", prompts.count, "the first so many prompts of the file (default: all)")
      ->check(CLI::PositiveNumber)
      ->needs(file);
  text->excludes(file);
}

std::vector<std::string> PromptOptions::read() const {
  require(!texts.empty() || !file.empty(), ErrorCode::kUsage,
          "no prompt: give --prompt TEXT or --prompts FILE");
  return file.empty() ? texts : report::read_prompts(file, count);
}

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string decibels(double psnr_db) {
  return std::isinf(psnr_db) ? "without bound (the clips are equal)" : fixed(psnr_db, 2) + " dB";
}

std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

}  // namespace twill::cli
