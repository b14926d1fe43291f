// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/prediction.h"
#include "twill/jobs/model_facts.h"

#include <algorithm>
#include <cmath>

#include "files.h"
#include "json.h"
#include "kept_quality.h"
#include "plan_inputs.h"
#include "prediction_sums.h"
#include "session.h"
#include "solving.h"
#include "twill/plan/outputs.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/whole_files.h"
#include "twill/search/calibration.h"
#include "twill/search/ledger.h"
#include "twill/search/profile_hash.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

struct HeldOut {
  std::string name;
  search::Policy policy = search::Policy::kSolver;
  search::SolveResult solved;
};

void check_options(const PredictionOptions& options) {
  report::check_prompts(options.prompts);
  require(!options.densities.empty(), ErrorCode::kUsage, "no density");
  for (const double density : options.densities) {
    check_solve_options({.budget = density, .segments = options.segments});
  }
  check_clip(options.clip);
}

std::string name_of(const SolveOptions& options) {
  return concat(search::policy_name(options.policy), " ", options.budget, ", ",
                options.dense_first_steps ? std::to_string(*options.dense_first_steps) : "free",
                " dense steps, ", options.segments, " segments");
}

std::vector<HeldOut> held_out_plans(const std::shared_ptr<const Profile>& profile,
                                    const report::SamplerRun& run, const TokenLayout& layout,
                                    const PredictionOptions& options) {
  const std::array grid{layout.frames, layout.rows, layout.cols};
  const auto fifth = std::max<std::int32_t>(1, run.steps / 5);
  std::vector<SolveOptions> wanted;
  for (const double density : options.densities) {
    wanted.push_back({.budget = density, .segments = options.segments, .grid = grid});
    wanted.push_back({.budget = density, .segments = 1, .grid = grid});
    for (const auto& [policy, name] : search::kPolicyNames) {
      for (const std::int32_t steps : {0, fifth}) {
        wanted.push_back({.policy = policy,
                          .budget = density,
                          .segments = options.segments,
                          .dense_first_steps = steps,
                          .dense_last_steps = 0,
                          .grid = grid});
      }
    }
  }
  std::vector<HeldOut> plans;
  for (const SolveOptions& one : wanted) {
    try {
      HeldOut plan{name_of(one), one.policy, solve_plan(profile, run, one)};
      // One plan under two names would rank itself right.
      const bool known = std::any_of(plans.begin(), plans.end(), [&](const HeldOut& other) {
        return run_the_same(other.solved.plan, plan.solved.plan);
      });
      if (!known) {
        plans.push_back(std::move(plan));
      }
    } catch (const Error& error) {
      // A rule that does not reach this density.
      if (error.code() != ErrorCode::kUnsupported && error.code() != ErrorCode::kUsage) {
        throw;
      }
    }
  }
  return plans;
}

}  // namespace

PredictionReport check_prediction(const PredictionOptions& options, const JobControl& control) {
  check_options(options);
  const fs::path work = work_folder(options.out, options.work);
  const Outputs outputs({{options.out, OutputKind::kReport}, {work, OutputKind::kFolder}},
                        {{"profile", options.profile}, {"model", options.clip.model}});
  const std::shared_ptr<const Profile> profile = read_profile_of(options.profile);
  const Session session(options.clip, control);
  check_profile_for(*profile, session.model().shape(), options.profile);
  PredictionReport report{
      .options = options,
      .model = concat(model_name(session.model().folder), " ", session.fingerprint()),
      .device = session.device(),
      .dtype = session.dtype()};
  report.options.clip = session.clip();

  std::vector<EncodedPrompt> prompts;
  for (const std::string& text : options.prompts) {
    prompts.push_back(session.encode(text));
  }
  const TokenLayout layout = session.only_layout(prompts, "a prediction");
  const std::vector<HeldOut> plans = held_out_plans(profile, run_of(session), layout, options);
  require(plans.size() > 2, ErrorCode::kUsage, "densities: only ", plans.size(),
          " plans reach them; three or more are needed");
  const search::Ledger ledger(profile, search::forwards_of_run(*profile, session.step_t()),
                              search::time_weight_of(*profile), layout);
  KeptQuality quality(session, work);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    double mse = 0.0;
    for (std::size_t prompt = 0; prompt < prompts.size(); ++prompt) {
      const media::ClipQuality found = quality.measure(
          plans[i].solved.plan, prompts[prompt], report::seed_at(options.seed, prompt),
          concat("plan ", i + 1, " of ", plans.size(), ", ", plans[i].name, ", prompt ", prompt + 1,
                 " of ", prompts.size()));
      mse += search::mse_of(found.psnr_db) / static_cast<double>(prompts.size());
    }
    report.plans.push_back({plans[i].name, ledger.error(plans[i].solved.plan), mse});
    report.densities.push_back(plans[i].solved.density);
    report.policies.push_back(plans[i].policy);
  }
  report.profile_hash = search::profile_hash(*profile);
  add_sums(report);
  write_file(options.out, to_json(report));
  return report;
}

std::string describe(const PredictionReport& report) {
  char line[256];
  std::snprintf(line, sizeof line,
                "%zu plans, %zu prompts: rank correlation of predicted and measured error %.3f; at "
                "equal density %.3f\nwithout the solver's plans %.3f; at equal density %.3f\n"
                "measured over predicted, about the mean of all: %.2f dB rms\n",
                report.plans.size(), report.options.prompts.size(), report.rank_correlation,
                report.rank_correlation_at_equal_density, report.rank_correlation_of_others,
                report.rank_correlation_of_others_at_equal_density, report.residual_db_rms);
  std::string text = line;
  for (const PredictionReport::RuleResidual& rule : report.by_rule) {
    std::snprintf(line, sizeof line, "  %-15s %3d plans  %+.2f dB mean  %.2f dB rms\n",
                  std::string(search::policy_name(rule.policy)).c_str(), rule.plans, rule.mean_db,
                  rule.rms_db);
    text += line;
  }
  return text;
}

std::string to_json(const PredictionReport& report) {
  json plans = json::array(), rules = json::array();
  for (std::size_t i = 0; i < report.plans.size(); ++i) {
    plans.push_back({{"name", report.plans[i].name},
                     {"policy", search::policy_name(report.policies[i])},
                     {"density", report.densities[i]},
                     {"predicted_error", report.plans[i].predicted},
                     {"clip_mse", report.plans[i].measured_mse}});
    if (!report.residual_db.empty()) {
      plans.back()["residual_db"] = report.residual_db[i];
    }
  }
  for (const PredictionReport::RuleResidual& rule : report.by_rule) {
    rules.push_back({{"policy", search::policy_name(rule.policy)},
                     {"plans", rule.plans},
                     {"mean_db", rule.mean_db},
                     {"rms_db", rule.rms_db}});
  }
  json value{{"rank_correlation", report.rank_correlation},
             {"rank_correlation_at_equal_density", report.rank_correlation_at_equal_density},
             {"rank_correlation_of_others", report.rank_correlation_of_others},
             {"rank_correlation_of_others_at_equal_density",
              report.rank_correlation_of_others_at_equal_density},
             {"residual_db_rms", report.residual_db_rms},
             {"residual_db_by_rule", std::move(rules)},
             {"profile", report.profile_hash}};
  if (!report.options.facts.empty()) {
    value["run"] = report.options.facts;
  }
  value.update(measured_with(report.model, report.device, report.dtype, report.options.clip));
  value.update(
      json{{"seed", report.options.seed}, {"prompts", report.options.prompts}, {"plans", plans}});
  return json_dump(value, 2) + "\n";
}

}  // namespace twill::jobs
