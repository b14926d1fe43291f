// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "command.h"
#include "twill/jobs/policies.h"
#include "twill/jobs/prediction.h"

namespace twill::cli {
namespace {

struct Settings {
  jobs::PoliciesOptions options;
  PromptOptions prompts;
  std::filesystem::path tuning_file;
  std::int64_t tuning_count = 0;
};

// What every measurement over prompts and plans of one profile asks for.
template <class Options>
void add_measurement_options(CLI::App& verb, PromptOptions& prompts, Options& options) {
  add_prompt_options(verb, prompts);
  verb.add_option("--segments", options.segments, "at most so many tables of patterns over t")
      ->capture_default_str();
  add_seed_option(verb, "--seed", options.seed,
                  "seed of the first prompt; each further prompt takes the next");
  verb.add_option("--out", options.out, "report to write (JSON)")->required();
  verb.add_option("--work", options.work,
                  "folder for kept clips and measurements (default: beside --out)");
  add_clip_options(verb, options.clip);
}

void add_policies(CLI::App& bench, Context& context) {
  CLI::App* verb = bench.add_subcommand(
      "policies", "the solver, the rules of others and dynamic oracles at equal density");
  const auto settings = std::make_shared<Settings>();
  jobs::PoliciesOptions& options = settings->options;
  add_measurement_options(*verb, settings->prompts, options);
  verb->add_option("--profile", options.profiles,
                   "plans with a profile, or profiles, of different search prompts")
      ->required();
  verb->add_option("--fed-profile", options.fed_profiles,
                   "as many, searched with --strategy paper_greedy --sparse-trajectory: adds the "
                   "rows with sparse outputs fed forward");
  verb->add_option("--tuning-prompts", settings->tuning_file,
                   "file of prompts on which what each row leaves dense is chosen")
      ->required();
  verb->add_option("--tuning-count", settings->tuning_count,
                   "the first so many of them (default: all)")
      ->check(CLI::PositiveNumber);
  verb->add_option("--settings", options.settings,
                   "numbers of dense steps and layers, and plans, that each row may try")
      ->capture_default_str();
  std::string rows;
  for (const std::string& name : jobs::policy_row_names()) {
    rows += (rows.empty() ? "" : ", ") + name;
  }
  verb->add_option("--rows", options.rows,
                   "rows, or what they begin with up to a dot (default: all): " + rows)
      ->delimiter(',');
  verb->add_flag("--kept", options.only_kept,
                 "make no clip: leave out rows whose clips are not all kept in --work");
  verb->add_option("--density", options.density,
                   "executed share of dense attention over the whole run, for all")
      ->capture_default_str();
  add_seed_option(*verb, "--tuning-seed", options.tuning_seed, "seed of the first tuning prompt");
  verb->callback([settings, &context] {
    context.run = [settings](Context& at_run) {
      settings->options.prompts = settings->prompts.read();
      settings->options.tuning_prompts =
          report::read_prompts(settings->tuning_file, settings->tuning_count);
      complete(settings->options.clip);
      settings->options.facts = at_run.facts;
      const report::PoliciesReport report =
          jobs::compare_policies(settings->options, at_run.control);
      at_run.print(describe(report), to_json(report));
    };
  });
}

void add_prediction(CLI::App& bench, Context& context) {
  struct PredictionSettings {
    jobs::PredictionOptions options;
    PromptOptions prompts;
  };
  CLI::App* verb = bench.add_subcommand(
      "prediction",
      "how well the predicted error ranks plans: predicted and measured, side by side");
  const auto settings = std::make_shared<PredictionSettings>();
  jobs::PredictionOptions& options = settings->options;
  add_measurement_options(*verb, settings->prompts, options);
  verb->add_option("--profile", options.profile, "plan with a profile, or a profile")->required();
  verb->add_flag("--terms", options.terms,
                 "tell what each predicted error is made of, by layer, pattern and forward");
  verb->add_option("--densities", options.densities,
                   "executed shares of dense attention over the whole run")
      ->delimiter(',')
      ->capture_default_str();
  verb->callback([settings, &context] {
    context.run = [settings](Context& at_run) {
      settings->options.prompts = settings->prompts.read();
      complete(settings->options.clip);
      settings->options.facts = at_run.facts;
      const report::PredictionReport report =
          jobs::check_prediction(settings->options, at_run.control);
      at_run.print(describe(report), to_json(report));
    };
  });
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  CLI::App* bench = app.add_subcommand("bench", "measurements that take long");
  bench->require_subcommand(1);
  bench->fallthrough();
  add_policies(*bench, context);
  add_prediction(*bench, context);
}

}  // namespace twill::cli
