// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/prediction.h"
#include "twill/jobs/model_facts.h"

#include <cstdio>

#include "files.h"
#include "held_out_plans.h"
#include "json.h"
#include "kept_quality.h"
#include "plan_inputs.h"
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

void check_options(const PredictionOptions& options) {
  report::check_prompts(options.prompts);
  require(!options.densities.empty(), ErrorCode::kUsage, "no density");
  for (const double density : options.densities) {
    check_solve_options({.budget = density, .segments = options.segments});
  }
  check_clip(options.clip);
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
  std::vector<std::vector<double>> psnr_db(plans.size());
  for (std::size_t i = 0; i < plans.size(); ++i) {
    for (std::size_t prompt = 0; prompt < prompts.size(); ++prompt) {
      const media::ClipQuality found = quality.measure(
          plans[i].solved.plan, prompts[prompt], report::seed_at(options.seed, prompt),
          concat("plan ", i + 1, " of ", plans.size(), ", ", plans[i].name, ", prompt ", prompt + 1,
                 " of ", prompts.size()));
      psnr_db[i].push_back(found.psnr_db);
    }
  }
  report.profile_hash = search::profile_hash(*profile);
  add_outcome(report, plans, ledger, psnr_db);
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
    if (!report.terms.empty()) {
      json by_kind = json::object();
      for (std::size_t kind = 0; kind < kPatternNames.size(); ++kind) {
        by_kind[std::string(kPatternNames[kind].second)] = report.terms[i].kind_error[kind];
      }
      plans.back()["error_by_layer_and_forward"] = report.terms[i].layer_error;
      plans.back()["error_by_kind_and_forward"] = std::move(by_kind);
    }
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
