// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "command.h"
#include "twill/jobs/report_job.h"
#include "twill/report/plan_report.h"

namespace twill::cli {

void add_run_options(CLI::App& verb, report::RunOptions& run) {
  verb.add_option(
      "--steps", run.steps,
      "sampler steps that the figures are for (default: those of the reports, else of the "
      "plan)");
  verb.add_option("--shift", run.shift, "shift of the timesteps (default: as the steps)");
  verb.add_option("--sampler", run.sampler,
                  any_of(report::sampler_names()) + " (default: as the steps)");
  verb.add_option_function<std::string>(
          "--layout", [&run](const std::string& text) { run.layout = report::parse_layout(text); },
          "tokens of a clip, such as 13x16x16 (default: as the steps)")
      ->type_name("FRAMESxROWSxCOLUMNS");
  verb.add_option("--expert-boundary", run.expert_boundary,
                  "of models with two experts: t below which the second one runs");
}

void add_report(CLI::App& app, Context& context) {
  CLI::App* verb =
      app.add_subcommand("report", "what is known of a plan, as one HTML file and pictures");
  const auto options = std::make_shared<report::ReportOptions>();
  verb->add_option(
          "files", options->files,
          "a plan with its profile and, behind it, reports of twill evaluate; then further "
          "plans of the same profile with theirs")
      ->required();
  verb->add_option("--out", options->out, "HTML file to write")->required();
  verb->add_option("--pictures", options->pictures, "folder for the charts as PNG files");
  verb->add_option("--clips", options->clips,
                   "folder of twill evaluate --save-clips, to show the worst clip");
  add_run_options(*verb, options->run);
  verb->callback([options, &context] {
    context.run = [options](Context& at_run) {
      const report::ReportResult result = jobs::write_report(*options, at_run.control);
      at_run.print(report::describe(result), report::to_json(result));
    };
  });
}

}  // namespace twill::cli
