// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a check of the prediction says, as a table for people and as JSON.

#include <cstdio>

#include "measured_with_json.h"
#include "twill/plan/pattern.h"
#include "twill/report/prediction_report.h"

namespace twill::report {

std::string describe(const PredictionReport& report) {
  char line[256];
  std::snprintf(line, sizeof line,
                "%zu plans, %zu prompts: rank correlation of predicted and measured error %.3f; at "
                "equal density %.3f\nwithout the solver's plans %.3f; at equal density %.3f\n"
                "measured over predicted, about the mean of all: %.2f dB rms\n",
                report.plans.size(), report.prompts.size(), report.rank_correlation,
                report.rank_correlation_at_equal_density, report.rank_correlation_of_others,
                report.rank_correlation_of_others_at_equal_density, report.residual_db_rms);
  std::string text = line;
  if (!report.clip_errors.empty()) {
    const PredictionReport::Agreement& by = report.by_clip_error;
    std::snprintf(line, sizeof line,
                  "by the clip error: %.3f; at equal density %.3f\nwithout the solver's plans "
                  "%.3f; at equal density %.3f; %.2f dB rms\n",
                  by.rank_correlation, by.rank_correlation_at_equal_density,
                  by.rank_correlation_of_others, by.rank_correlation_of_others_at_equal_density,
                  by.residual_db_rms);
    text += line;
  }
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
    if (!report.clip_errors.empty()) {
      plans.back()["clip_error"] = report.clip_errors[i];
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
  if (!report.clip_errors.empty()) {
    const PredictionReport::Agreement& by = report.by_clip_error;
    value["by_clip_error"] = {
        {"rank_correlation", by.rank_correlation},
        {"rank_correlation_at_equal_density", by.rank_correlation_at_equal_density},
        {"rank_correlation_of_others", by.rank_correlation_of_others},
        {"rank_correlation_of_others_at_equal_density",
         by.rank_correlation_of_others_at_equal_density},
        {"residual_db_rms", by.residual_db_rms}};
  }
  value.update(to_json_value(report.with));
  value.update(json{{"seed", report.seed}, {"prompts", report.prompts}, {"plans", plans}});
  return json_dump(value, 2) + "\n";
}

}  // namespace twill::report
