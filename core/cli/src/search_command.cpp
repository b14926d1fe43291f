// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "command.h"
#include "twill/jobs/search.h"

namespace twill::cli {
namespace {

struct Settings {
  jobs::SearchOptions options;
  PromptOptions prompts;
};

}  // namespace

void add_solve_options(CLI::App& verb, jobs::SolveOptions& options) {
  CLI::Option* density =
      verb.add_option_function<double>(
              "--density",
              [&options](double share) {
                options.budget_kind = search::BudgetKind::kDensity;
                options.budget = share;
              },
              "executed share of dense attention's cells over the whole run, in (0, 1]")
          ->default_str("0.4");
  verb.add_option_function<double>(
          "--attention-share",
          [&options](double share) {
            options.budget_kind = search::BudgetKind::kAttentionShare;
            options.budget = share;
          },
          "instead: share of dense attention's time; the candidates are timed on this machine")
      ->excludes(density);
  verb.add_option_function<std::string>(
          "--strategy",
          [&options](const std::string& name) { options.policy = jobs::policy_from(name); },
          any_of(search::policy_names()))
      ->default_str("solver");
  verb.add_option("--segments", options.segments, "at most so many tables of patterns over t")
      ->capture_default_str();
  verb.add_option("--dense-first", options.dense_first_steps,
                  "dense steps at the start (default: solver's choice, else 0)");
  verb.add_option("--dense-last", options.dense_last_steps,
                  "dense steps at the end (default: solver's choice, else 0)");
  verb.add_option("--dense-layers", options.dense_first_layers,
                  "layers that are dense at all t, counted from the first")
      ->capture_default_str();
  verb.add_option(
      "--int8-error-share", options.int8_error_share,
      "how much more predicted error heads in 8-bit integers may bring, as a share of "
      "the patterns'; 0: no such heads (default: 0.05 where the profile knows what they "
      "lose, which a search measures where the model's GPU computes so)");
}

void add_search(CLI::App& app, Context& context) {
  CLI::App* verb =
      app.add_subcommand("search", "profile the heads of a model and solve for a plan");
  const auto settings = std::make_shared<Settings>();
  jobs::SearchOptions& options = settings->options;
  add_prompt_options(*verb, settings->prompts);
  verb->add_option("--out", options.out, "plan to write (JSON, with the profile inside)")
      ->required();
  add_solve_options(*verb, options.solve);
  CLI::Option* psnr = verb->add_option("--min-psnr", options.target.min_psnr_db,
                                       "instead of a density: the cheapest plan whose clips of the "
                                       "search prompts have this mean PSNR "
                                       "in dB, found by making clips");
  verb->add_option("--min-speedup", options.target.min_speedup,
                   "instead: the best plan that makes the denoising loop so many times faster here")
      ->excludes(psnr);
  verb->add_option("--tries", options.target.most_tries,
                   "plans that are tried at most for --min-psnr or --min-speedup")
      ->capture_default_str();
  verb->add_flag("--sparse-trajectory", options.sparse_trajectory,
                 "profile once more while the plan runs, and solve again");
  verb->add_option("--points", options.points, "values of t to profile")->capture_default_str();
  verb->add_option(
          "--probes", options.probes,
          "clips that the weight of t is fitted to, one more clip each; 0: a default weight")
      ->capture_default_str();
  verb->add_option("--map-size", options.map_size,
                   "blocks a side of the attention maps (default: 52, at most the clip's tokens)");
  add_seed_option(*verb, "--seed", options.seed,
                  "seed of the first prompt; each further prompt takes the next");
  verb->add_option("--work", options.work,
                   "folder for what an interrupted search keeps (default: beside --out)");
  add_clip_options(*verb, options.clip);
  verb->callback([settings, &context] {
    context.run = [settings](Context& at_run) {
      settings->options.prompts = settings->prompts.read();
      complete(settings->options.clip);
      const report::SearchResult result = jobs::search(settings->options, at_run.control);
      at_run.print(report::describe(result), report::to_json(result));
    };
  });
}

}  // namespace twill::cli
