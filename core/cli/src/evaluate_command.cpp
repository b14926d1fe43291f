// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "command.h"
#include "twill/jobs/evaluate.h"
#include "twill/report/evaluation.h"

namespace twill::cli {
namespace {

struct Settings {
  jobs::EvaluateOptions options;
  PromptOptions prompts;
};

std::string describe(const report::EvaluateReport& report) {
  const report::EvaluateSummary summary = report::summarise(report.rows);
  const bool took_part = report::took_part(report.attention);
  std::string text =
      concat("   PSNR    SSIM   dense  ", took_part ? "sparse" : "  plan", "  prompt\n");
  const auto cell = [](double value, int digits, std::size_t width) {
    const std::string number = fixed(value, digits);
    return std::string(number.size() < width ? width - number.size() : 0, ' ') + number;
  };
  for (const report::EvaluateRow& row : report.rows) {
    text += cell(row.quality.psnr_db, 2, 7) + cell(row.quality.ssim, 4, 8);
    text += row.timed ? cell(row.dense.denoise, 1, 6) + " s" + cell(row.sparse.denoise, 1, 6) + " s"
                      : std::string("       -       -");
    text += concat("  ", row.prompt, "\n");
  }
  text += concat("PSNR mean ", decibels(summary.psnr_db), ", worst ",
                 decibels(summary.psnr_db_worst), "; SSIM ", fixed(summary.ssim, 4), "; density ",
                 fixed(report.density, 3), " (", *report.clip.width, "x", *report.clip.height, "x",
                 *report.clip.frames, ", ", *report.clip.sampler, ", shift ", *report.clip.shift,
                 ", ", *report.clip.steps, " steps)\n");
  if (summary.speedup) {
    text += concat("denoising loop: dense ", fixed(summary.dense_seconds, 2), " s, sparse ",
                   fixed(summary.sparse_seconds, 2), " s, speed-up ", fixed(*summary.speedup, 2),
                   "x; attention ", fixed(*summary.attention_speedup, 2), "x of ",
                   percent(summary.attention_share), " of the dense loop; VAE ",
                   fixed(summary.vae_seconds, 2), " s\n");
  }
  if (summary.speedup_over_own_dense) {
    text += concat("over our own dense kernel: loop ", fixed(summary.own_dense_seconds, 2),
                   " s, speed-up ", fixed(*summary.speedup_over_own_dense, 2), "x; attention ",
                   fixed(*summary.attention_speedup_over_own_dense, 2), "x\n");
  }
  if (!report.why_no_part.empty()) {
    text += report.why_no_part + "\n";
  }
  for (const auto& [reason, calls] : report.attention.fallbacks) {
    text += concat(calls, " attention calls ran dense against the plan: ", reason, "\n");
  }
  return text + concat(report.device, ", ", report.dtype, "\n");
}

}  // namespace

void add_evaluate(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand(
      "evaluate", "compare and time dense and sparse clips over prompts: report.json");
  const auto settings = std::make_shared<Settings>();
  jobs::EvaluateOptions& options = settings->options;
  add_prompt_options(*verb, settings->prompts);
  verb->add_option("--plan", options.plan, "plan file")->required();
  add_adapt_option(*verb, options.adapt);
  verb->add_option("--out", options.out, "report to write (JSON)")->required();
  verb->add_option(
      "--save-clips", options.clips,
      "folder for dense.mp4, sparse.mp4, side_by_side.png (first prompt), worst.png (prompt with "
      "the lowest PSNR) and heads.png");
  verb->add_option(
      "--timed", options.timed,
      "time the first so many prompts; the others may take kept dense clips (default: all)");
  add_seed_option(*verb, "--seed", options.seed,
                  "seed of the first prompt; each further prompt takes the next");
  verb->add_option("--work", options.work,
                   "folder for what an interrupted run keeps (default: beside --out)");
  add_clip_options(*verb, options.clip);
  verb->callback([settings, &context] {
    context.run = [settings](Context& at_run) {
      settings->options.prompts = settings->prompts.read();
      complete(settings->options.clip);
      settings->options.facts = at_run.facts;
      const report::EvaluateReport report = jobs::evaluate(settings->options, at_run.control);
      at_run.print(describe(report), to_json(report));
    };
  });
}

}  // namespace twill::cli
