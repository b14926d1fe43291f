// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "command.h"
#include "twill/jobs/generate.h"

namespace twill::cli {
namespace {

struct Settings {
  jobs::GenerateOptions options;
  PromptOptions prompts;
};

std::string describe(const report::GenerateResult& result) {
  std::string text = concat(result.device, ", ", result.dtype, "\n");
  for (const report::GeneratedClip& clip : result.clips) {
    text += concat(clip.file.string(), "  (seed ", clip.seed, ")  \"", clip.prompt, "\"\n");
    const auto times = [&](const char* name, const report::ClipTimes& t) {
      text += concat("  ", name, ": denoising ", fixed(t.denoise, 2), " s (attention ",
                     fixed(t.attention, 2), " s), text ", fixed(t.text, 2), " s, VAE ",
                     fixed(t.vae, 2), " s\n");
    };
    const bool by_plan = !clip.record.plan.empty();
    times(!by_plan ? "dense" : took_part(clip.attention) ? "sparse" : "by the plan", clip.times);
    if (clip.dense_times) {
      times("dense", *clip.dense_times);
    }
    if (by_plan) {
      text += concat("  density ", fixed(clip.density, 3), "\n");
    }
    if (clip.quality) {
      text += concat("  PSNR ", decibels(clip.quality->psnr_db), ", SSIM ",
                     fixed(clip.quality->ssim, 4), " against ", clip.dense_file.string());
      if (const std::optional<double> speedup = clip.speedup()) {
        text += concat("; speed-up of the denoising loop ", fixed(*speedup, 2), "x");
      }
      text += "\n";
    }
    if (!clip.record.why_no_part.empty()) {
      text += concat("  ", clip.record.why_no_part, "\n");
    }
    for (const auto& [reason, calls] : clip.attention.fallbacks) {
      text += concat("  ", calls, " attention calls ran dense against the plan: ", reason, "\n");
    }
  }
  return text;
}

}  // namespace

void add_generate(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("generate", "make clips, dense or by a plan");
  const auto settings = std::make_shared<Settings>();
  add_prompt_options(*verb, settings->prompts);
  verb->add_option(
          "--out", settings->options.out,
          "video file (.mp4, .webm, .gif, .webp), or a folder for PNG frames; several prompts "
          "get -1, -2, ...")
      ->required();
  CLI::Option* plan =
      verb->add_option("--plan", settings->options.plan, "plan file (default: dense attention)");
  add_adapt_option(*verb, settings->options.adapt)->needs(plan);
  verb->add_flag("--compare", settings->options.compare_dense,
                 "also the dense clip from the same noise, with PSNR, SSIM and speed-up")
      ->needs(plan);
  add_seed_option(*verb, "--seed", settings->options.seed,
                  "seed of the noise; each further prompt takes the next");
  add_clip_options(*verb, settings->options.clip);
  verb->callback([settings, &context] {
    context.run = [settings](Context& at_run) {
      settings->options.prompts = settings->prompts.read();
      complete(settings->options.clip);
      const report::GenerateResult result = jobs::generate(settings->options, at_run.control);
      at_run.print(describe(result), to_json(result));
    };
  });
}

}  // namespace twill::cli
