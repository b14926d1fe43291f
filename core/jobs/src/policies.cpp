// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/policies.h"

#include <algorithm>

#include "clip_files.h"
#include "files.h"
#include "json.h"
#include "kept_quality.h"
#include "profile_files.h"
#include "session.h"
#include "solving.h"
#include "statistics.h"
#include "twill/plan/plan_io.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

class Comparison {
 public:
  Comparison(const PoliciesOptions& options, const Session& session, const fs::path& work)
      : options_(options),
        session_(session),
        quality_(session, work),
        profile_(read_profile_of(options.profile)) {
    check_profile_for(*profile_, session.model().shape(), options.profile);
    for (const std::string& prompt : options.tuning_prompts) {
      tuning_.push_back(session.encode(prompt));
    }
    for (const std::string& prompt : options.prompts) {
      prompts_.push_back(session.encode(prompt));
    }
  }

  PolicyResult run(search::Policy policy) {
    PolicyResult result{.policy = policy};
    const std::string name(search::policy_name(policy));
    std::vector<search::SolveResult> best;
    double best_db = 0.0;
    for (const std::int32_t steps : options_.dense_first_steps) {
      std::vector<search::SolveResult> plans = solve_with(policy, steps);
      if (plans.empty()) {
        continue;  // so many dense steps alone are over the budget
      }
      result.tuning.push_back(
          tune(plans.front().plan, concat(name, ", ", steps, " dense steps, tuning")));
      if (best.empty() || result.tuning.back().psnr_db > best_db) {
        best = std::move(plans);
        best_db = result.tuning.back().psnr_db;
        result.dense_first_steps = steps;
      }
    }
    require(!best.empty(), ErrorCode::kUsage, "density ", options_.density,
            " is too low for every number of dense first steps");
    std::size_t chosen = 0;
    result.variants = {best_db};
    for (std::size_t i = 1; i < best.size(); ++i) {
      result.variants.push_back(
          tune(best[i].plan, concat(name, ", choice ", i + 1, ", tuning")).psnr_db);
      chosen = result.variants[i] > result.variants[chosen] ? i : chosen;
    }
    result.choice = best[chosen].plan.name;
    result.density = best[chosen].density;
    result.quality = measure(best[chosen].plan, prompts_, options_.seed, name);
    std::vector<double> psnr;
    for (const ClipQuality& quality : result.quality) {
      psnr.push_back(quality.psnr_db);
    }
    result.psnr_db = mean_of(psnr);
    result.psnr_db_worst = worst_of(psnr);
    result.ssim = mean_quality(result.quality).ssim;
    return result;
  }

 private:
  // The policy's own choice first; none when so many dense steps alone are over the budget.
  std::vector<search::SolveResult> solve_with(search::Policy policy,
                                              std::int32_t dense_steps) const {
    if (static_cast<double>(dense_steps) >=
        options_.density * static_cast<double>(session_.steps())) {
      return {};
    }
    const SolveOptions solve_options{.policy = policy,
                                     .budget = options_.density,
                                     .segments = options_.segments,
                                     .dense_first_steps = dense_steps,
                                     .dense_last_steps = 0};
    return solve_plans(profile_, session_.step_t(), solve_options,
                       static_cast<std::size_t>(options_.variants));
  }

  ClipQuality tune(const Plan& plan, const std::string& name) {
    return mean_quality(measure(plan, tuning_, options_.tuning_seed, name));
  }

  static ClipQuality mean_quality(const std::vector<ClipQuality>& all) {
    ClipQuality mean;
    for (const ClipQuality& quality : all) {
      mean.psnr_db += quality.psnr_db / static_cast<double>(all.size());
      mean.ssim += quality.ssim / static_cast<double>(all.size());
    }
    return mean;
  }

  std::vector<ClipQuality> measure(const Plan& plan, const std::vector<EncodedPrompt>& prompts,
                                   std::int64_t first_seed, const std::string& name) {
    std::vector<ClipQuality> all;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      all.push_back(quality_.measure(plan, prompts[i], first_seed + static_cast<std::int64_t>(i),
                                     concat(name, " ", i + 1, " of ", prompts.size())));
    }
    return all;
  }

  const PoliciesOptions& options_;
  const Session& session_;
  KeptQuality quality_;
  std::shared_ptr<const Profile> profile_;
  std::vector<EncodedPrompt> tuning_;
  std::vector<EncodedPrompt> prompts_;
};

void add_differences(std::vector<PolicyResult>& policies) {
  const PolicyResult& solver = policies.front();
  for (PolicyResult& policy : policies) {
    std::vector<double> differences;
    for (std::size_t i = 0; i < policy.quality.size(); ++i) {
      differences.push_back(solver.quality[i].psnr_db - policy.quality[i].psnr_db);
    }
    const Interval interval = bootstrap_interval(differences);
    policy.behind_db = mean_of(differences);
    policy.behind_db_low = interval.low;
    policy.behind_db_high = interval.high;
  }
}

}  // namespace

PoliciesReport compare_policies(const PoliciesOptions& options, const JobControl& control) {
  require(!options.prompts.empty() && !options.tuning_prompts.empty(), ErrorCode::kUsage,
          "prompts to measure on and prompts to tune on are both needed");
  require(!options.dense_first_steps.empty(), ErrorCode::kUsage,
          "no number of dense first steps to try");
  require(options.variants >= 1 && options.variants <= 64, ErrorCode::kUsage, "variants ",
          options.variants, " is not in 1..64");
  for (const std::int32_t steps : options.dense_first_steps) {
    require(steps >= 0, ErrorCode::kUsage, "dense first steps ", steps, " is negative");
  }
  check_can_write(options.out);
  const fs::path work = options.work.empty() ? options.out.parent_path() /
                                                   concat(options.out.stem().string(), ".work")
                                             : options.work;
  check_can_write(work / "clips");
  const Session session(options.clip, control);
  PoliciesReport report{
      .options = options,
      .model = concat(session.model().folder.filename().string(), " ", session.fingerprint()),
      .device = session.device(),
      .dtype = session.dtype()};
  report.options.clip = session.clip();
  std::vector<std::int32_t>& steps = report.options.dense_first_steps;
  std::sort(steps.begin(), steps.end());
  Comparison comparison(report.options, session, work);
  for (const auto& [policy, name] : search::kPolicyNames) {
    report.policies.push_back(comparison.run(policy));
  }
  add_differences(report.policies);
  write_text(options.out, to_json(report));
  return report;
}

std::string describe(const PoliciesReport& report) {
  const auto cell = [](const std::string& text, std::size_t width) {
    return std::string(text.size() < width ? width - text.size() : 0, ' ') + text;
  };
  const auto number_cell = [&](double value, int digits, std::size_t width) {
    char text[48];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return cell(text, width);
  };
  std::string text =
      "policy          dense steps  density   PSNR  worst    SSIM  behind the solver (95 %)\n";
  for (const PolicyResult& policy : report.policies) {
    const std::string name(search::policy_name(policy.policy));
    text += name + std::string(name.size() < 16 ? 16 - name.size() : 0, ' ');
    text += cell(std::to_string(policy.dense_first_steps), 11) + number_cell(policy.density, 3, 9) +
            number_cell(policy.psnr_db, 2, 7) + number_cell(policy.psnr_db_worst, 2, 7) +
            number_cell(policy.ssim, 4, 8);
    if (policy.policy != search::Policy::kSolver) {
      text += number_cell(policy.behind_db, 2, 7) + " dB (" +
              number_cell(policy.behind_db_low, 2, 0) + " to " +
              number_cell(policy.behind_db_high, 2, 0) + ")";
    }
    text += "\n";
  }
  const ClipSettings& clip = report.options.clip;
  return text + concat(report.options.prompts.size(), " prompts, ", *clip.width, "x", *clip.height,
                       "x", *clip.frames, ", ", *clip.sampler, ", shift ", *clip.shift, ", ",
                       *clip.steps, " steps, ", report.dtype, ", ", report.device, "\n");
}

std::string to_json(const PoliciesReport& report) {
  json policies = json::array();
  for (const PolicyResult& policy : report.policies) {
    json tuning = json::array();
    for (std::size_t i = 0; i < policy.tuning.size(); ++i) {
      tuning.push_back({{"dense_first_steps", report.options.dense_first_steps[i]},
                        {"psnr_db", number(policy.tuning[i].psnr_db)},
                        {"ssim", policy.tuning[i].ssim}});
    }
    json rows = json::array();
    for (std::size_t i = 0; i < policy.quality.size(); ++i) {
      rows.push_back({{"prompt", report.options.prompts[i]},
                      {"psnr_db", number(policy.quality[i].psnr_db)},
                      {"ssim", policy.quality[i].ssim}});
    }
    policies.push_back(
        {{"policy", search::policy_name(policy.policy)},
         {"dense_first_steps", policy.dense_first_steps},
         {"density", policy.density},
         {"psnr_db", number(policy.psnr_db)},
         {"psnr_db_worst", number(policy.psnr_db_worst)},
         {"ssim", policy.ssim},
         {"behind_solver_db", number(policy.behind_db)},
         {"behind_solver_db_95", {number(policy.behind_db_low), number(policy.behind_db_high)}},
         {"tuning", tuning},
         {"rows", rows}});
  }
  const ClipSettings& clip = report.options.clip;
  return json{{"density", report.options.density},
              {"model", report.model},
              {"device", report.device},
              {"dtype", report.dtype},
              {"sampler", *clip.sampler},
              {"shift", *clip.shift},
              {"steps", *clip.steps},
              {"width", *clip.width},
              {"height", *clip.height},
              {"frames", *clip.frames},
              {"seed", report.options.seed},
              {"tuning_prompts", report.options.tuning_prompts},
              {"interval",
               "paired bootstrap over prompts, 10,000 draws, 95 % percentiles, of the solver's "
               "PSNR minus the "
               "policy's"},
              {"policies", policies}}
             .dump(2) +
         "\n";
}

}  // namespace twill::jobs
