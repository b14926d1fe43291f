// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "command.h"
#include "twill/jobs/plan_check.h"
#include "twill/jobs/search.h"
#include "twill/plan/outputs.h"
#include "twill/plan/plan_io.h"
#include "twill/report/difference_report.h"
#include "twill/report/heads_picture.h"
#include "twill/report/plan_summary.h"

namespace twill::cli {
namespace {

void add_show(CLI::App& plan, Context& context) {
  CLI::App* verb =
      plan.add_subcommand("show", "what a plan holds: patterns by segment, densities, provenance");
  const auto file = std::make_shared<std::string>();
  const auto layout = std::make_shared<std::string>();
  const auto picture = std::make_shared<std::string>();
  verb->add_option("plan", *file, "plan file")->required();
  verb->add_option("--layout", *layout,
                   "tokens for the densities, such as 13x16x16 (default: the profile's)");
  verb->add_option("--picture", *picture,
                   "PNG to write: every head's attention map in the colour of its pattern");
  verb->callback([=, &context] {
    context.run = [=](Context& at_run) {
      std::optional<TokenLayout> tokens;
      if (!layout->empty()) {
        tokens = report::parse_layout(*layout);
      }
      const Outputs outputs({{*picture, OutputKind::kPicture}}, {{"plan", *file}});
      const Plan plan_read = read_plan(*file);
      const report::PlanSummary summary = report::summarise(plan_read, tokens);
      if (!picture->empty()) {
        report::write_heads_picture(plan_read, *picture);
      }
      at_run.print(report::describe(summary), report::to_json(summary));
    };
  });
}

void add_check(CLI::App& plan, Context& context) {
  CLI::App* verb = plan.add_subcommand(
      "check", "read a plan as strictly as can be, and say whether it fits a model");
  const auto file = std::make_shared<std::string>();
  const auto model = std::make_shared<ModelFiles>();
  verb->add_option("plan", *file, "plan file")->required();
  add_model_options(*verb, *model);
  verb->callback([=, &context] {
    context.run = [=](Context& at_run) {
      const Plan read = read_plan(*file);
      const std::string name = model->path.string();
      if (!name.empty()) {
        complete(*model);
        jobs::check_plan_for_model(*file, *model);
      }
      at_run.print(concat(*file, ": good, ", read.segments.size(), " segments, ",
                          read.patterns.size(), " patterns", name.empty() ? "" : ", fits " + name),
                   R"({"ok": true})");
    };
  });
}

void add_solve(CLI::App& plan, Context& context) {
  CLI::App* verb = plan.add_subcommand(
      "solve", "another plan from the profile inside a plan, without a new search");
  const auto file = std::make_shared<std::string>();
  const auto out = std::make_shared<std::string>();
  const auto options = std::make_shared<jobs::SolveOptions>();
  const auto clip = std::make_shared<report::ClipSettings>();
  verb->add_option("plan", *file, "plan file with a profile, or a profile")->required();
  verb->add_option("--out", *out, "plan file to write")->required();
  add_solve_options(*verb, *options);
  verb->add_option_function<std::string>(
          "--grid",
          [options](const std::string& text) {
            const TokenLayout layout = report::parse_layout(text);
            options->grid = {layout.frames, layout.rows, layout.cols};
          },
          "tokens that the density is for (default: as the plan was solved for)")
      ->type_name("FRAMESxROWSxCOLUMNS");
  verb->add_option("--steps", clip->steps,
                   "sampler steps that the density is for (default: as the plan was solved for)");
  verb->add_option("--shift", clip->shift,
                   "shift of the timesteps (default: as the plan was solved for)");
  verb->add_option("--sampler", clip->sampler,
                   any_of(report::sampler_names()) + " (default: as the plan was solved for)");
  verb->callback([=, &context] {
    context.run = [=](Context& at_run) {
      const report::SearchResult result = jobs::solve_file(*file, *options, *clip, *out);
      at_run.print(describe(result), to_json(result));
    };
  });
}

void add_diff(CLI::App& plan, Context& context) {
  CLI::App* verb = plan.add_subcommand("diff", "heads that two plans treat differently");
  const auto before = std::make_shared<std::string>();
  const auto after = std::make_shared<std::string>();
  verb->add_option("before", *before, "plan file")->required();
  verb->add_option("after", *after, "plan file")->required();
  const auto files = std::make_shared<report::DifferenceOptions>();
  verb->add_option("--report", files->out,
                   "HTML file to write: both heads maps, and what changes in error, density, cost");
  verb->add_option("--picture", files->picture, "PNG to write: both heads maps");
  add_run_options(*verb, files->run);
  verb->callback([=, &context] {
    context.run = [=](Context& at_run) {
      files->before = *before;
      files->after = *after;
      const report::PlanDifference difference = report::write_difference(*files);
      const std::vector<report::HeadDifference> found =
          report::differences(*difference.before, *difference.after);
      std::string text;
      for (const report::HeadDifference& head : found) {
        text += concat("t (", head.t_begin, ", ", head.t_end, "]  ", head.head, ": ", head.before,
                       " -> ", head.after, "\n");
      }
      text += concat(found.size(), found.size() == 1 ? " difference" : " differences", "\n",
                     report::describe_change(difference));
      at_run.print(text, report::to_json(difference));
    };
  });
}

}  // namespace

void add_plan(CLI::App& app, Context& context) {
  CLI::App* plan = app.add_subcommand("plan", "show, check, solve or compare plans");
  plan->require_subcommand(1);
  plan->fallthrough();
  add_show(*plan, context);
  add_check(*plan, context);
  add_solve(*plan, context);
  add_diff(*plan, context);
}

}  // namespace twill::cli
