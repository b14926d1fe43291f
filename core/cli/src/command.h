// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the verbs share: each adds itself to the parser and leaves behind what is to be run.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "exit_codes.h"
#include "progress_display.h"
#include "twill/jobs/job.h"
#include "twill/jobs/search.h"
#include "twill/report/clip_settings.h"
#include "twill/report/measured_with.h"
#include "twill/report/sampler_run.h"

namespace twill::cli {

struct Context {
  bool json = false;                  // one JSON object on stdout instead of text
  bool quiet = false;                 // no progress on stderr
  std::function<void(Context&)> run;  // of the verb that was named
  int exit_code = kExitFinished;      // of a verb that ran to its end
  jobs::JobControl control;
  report::ReportFacts facts;  // for reports of measurements

  // `text` for people, `json` for machines, whichever was asked for, on stdout.
  void print(const std::string& text, const std::string& json_text) const;
};

void add_generate(CLI::App& app, Context& context);
void add_search(CLI::App& app, Context& context);
void add_evaluate(CLI::App& app, Context& context);
void add_plan(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_report(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);

// "a, b or c": what an option may be.
std::string any_of(std::span<const std::string_view> names);

// --model and the files beside it, --image, --end-image, --size, --frames, --steps, --shift, --cfg,
// --negative, --sampler, --dtype, --lora, --threads.
void add_clip_options(CLI::App& verb, report::ClipSettings& clip);
// --model and the files beside it.
void add_model_options(CLI::App& verb, ModelFiles& model);
// The demo model where none was named, else by path or by its name in ComfyUI.
void complete(report::ClipSettings& clip);
void complete(ModelFiles& model);

// --seed or another name of one, with its default.
CLI::Option* add_seed_option(CLI::App& verb, const std::string& name, std::uint64_t& seed,
                             const std::string& description);

// --adapt, of verbs that make clips by a plan.
CLI::Option* add_adapt_option(CLI::App& verb, bool& adapt);

// Prompts from --prompt (any number) or --prompts FILE with --count.
struct PromptOptions {
  std::vector<std::string> texts;
  std::filesystem::path file;
  std::int64_t count = 0;

  std::vector<std::string> read() const;
};
void add_prompt_options(CLI::App& verb, PromptOptions& prompts);

// --steps, --shift, --sampler, --layout, --expert-boundary.
void add_run_options(CLI::App& verb, report::RunOptions& run);

// --density, --strategy, --segments, --dense-first, --dense-last.
void add_solve_options(CLI::App& verb, jobs::SolveOptions& options);

std::string percent(double share);            // "63.0 %"
std::string fixed(double value, int digits);  // "1.58"
// "28.31 dB"; "without bound (the clips are equal)" where it is infinite.
std::string decibels(double psnr_db);

}  // namespace twill::cli
