// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/policies.h"

#include <algorithm>

#include "clip_files.h"
#include "files.h"
#include "json.h"
#include "kept_quality.h"
#include "oracle_attention.h"
#include "plan_inputs.h"
#include "session.h"
#include "solving.h"
#include "twill/jobs/model_facts.h"
#include "twill/plan/outputs.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/whole_files.h"
#include "twill/report/statistics.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

media::ClipQuality mean_quality(const std::vector<media::ClipQuality>& all) {
  media::ClipQuality mean;
  for (const media::ClipQuality& quality : all) {
    mean.psnr_db += quality.psnr_db / static_cast<double>(all.size());
    mean.ssim += quality.ssim / static_cast<double>(all.size());
  }
  return mean;
}

// One way to spend the density: a plan, or the oracle.
struct Contestant {
  std::string name;
  double density = 1.0;
  std::optional<Plan> plan;
  OracleAttention::Options oracle;
};

class Comparison {
 public:
  Comparison(const PoliciesOptions& options, const Session& session, const fs::path& work,
             std::shared_ptr<const Profile> profile)
      : options_(options),
        session_(session),
        quality_(session, work),
        profile_(std::move(profile)) {
    check_profile_for(*profile_, session.model().shape(), options.profile);
    for (const std::string& prompt : options.tuning_prompts) {
      tuning_.push_back(session.encode(prompt));
    }
    for (const std::string& prompt : options.prompts) {
      prompts_.push_back(session.encode(prompt));
    }
  }

  // Empty: the oracle.
  PolicyResult run(std::optional<search::Policy> policy) {
    PolicyResult result{.policy = std::string(policy ? search::policy_name(*policy) : kOracleName)};
    std::vector<Contestant> best;
    double best_db = 0.0;
    const auto attempt = [&](const DenseParts& parts) {
      const auto known = std::any_of(result.tuning.begin(), result.tuning.end(),
                                     [&](const TunedParts& tuned) { return tuned.parts == parts; });
      std::vector<Contestant> plans =
          known ? std::vector<Contestant>() : contestants(policy, parts);
      if (plans.empty()) {
        return;  // so many dense parts alone are over the budget
      }
      result.tuning.push_back(
          {.parts = parts,
           .quality =
               tune(plans.front(), concat(result.policy, ", ", describe(parts), ", tuning"))});
      if (best.empty() || result.tuning.back().quality.psnr_db > best_db) {
        best = std::move(plans);
        best_db = result.tuning.back().quality.psnr_db;
        result.parts = parts;
      }
    };
    if (policy == search::Policy::kSolver) {
      attempt({});
    }
    for (const std::int32_t steps : options_.dense_first_steps) {
      attempt({.first_steps = steps, .last_steps = 0});
    }
    for (const std::int32_t steps : options_.dense_last_steps) {
      DenseParts parts = result.parts;
      parts.last_steps = steps;
      attempt(parts);
    }
    for (const std::int32_t layers : options_.dense_first_layers) {
      DenseParts parts = result.parts;
      parts.first_layers = layers;
      attempt(parts);
    }
    if (best.empty()) {
      return result;  // its patterns do not go below this density
    }
    std::size_t chosen = 0;
    result.variants = {best_db};
    for (std::size_t i = 1; i < best.size(); ++i) {
      result.variants.push_back(
          tune(best[i], concat(result.policy, ", choice ", i + 1, ", tuning")).psnr_db);
      chosen = result.variants[i] > result.variants[chosen] ? i : chosen;
    }
    result.choice = best[chosen].name;
    result.density = best[chosen].density;
    result.quality = measure(best[chosen], prompts_, options_.seed, result.policy);
    std::vector<double> psnr;
    for (const media::ClipQuality& quality : result.quality) {
      psnr.push_back(quality.psnr_db);
    }
    result.psnr_db = report::mean_of(psnr);
    result.psnr_db_worst = report::worst_of(psnr);
    result.ssim = mean_quality(result.quality).ssim;
    return result;
  }

 private:
  static std::string describe(const DenseParts& parts) {
    return parts.first_steps ? concat(*parts.first_steps, "+", parts.last_steps.value_or(0),
                                      " dense steps, ", parts.first_layers, " dense layers")
                             : concat("free dense steps, ", parts.first_layers, " dense layers");
  }

  // The policy's own choice first; none when the dense parts alone are over the budget.
  std::vector<Contestant> contestants(std::optional<search::Policy> policy,
                                      const DenseParts& parts) const {
    const auto steps = static_cast<double>(session_.steps());
    const double layers = [&] {
      double sum = 0.0;
      for (const StackShape& stack : profile_->model.stacks) {
        sum += stack.layers;
      }
      return sum;
    }();
    const double dense_steps =
        static_cast<double>(parts.first_steps.value_or(0) + parts.last_steps.value_or(0)) / steps;
    const double dense = dense_steps + (1.0 - dense_steps) * parts.first_layers / layers;
    if (dense >= options_.density || dense_steps >= 1.0) {
      return {};
    }
    if (!policy) {
      Contestant oracle{.name = std::string(kOracleName), .density = options_.density};
      oracle.oracle = {.share = (options_.density - dense) / (1.0 - dense),
                       .dense_t = dense_times(parts),
                       .dense_first_layers = parts.first_layers};
      return {oracle};
    }
    const SolveOptions solve_options{.policy = *policy,
                                     .budget = options_.density,
                                     .segments = options_.segments,
                                     .dense_first_steps = parts.first_steps,
                                     .dense_last_steps = parts.last_steps,
                                     .dense_first_layers = parts.first_layers};
    std::vector<Contestant> plans;
    try {
      for (search::SolveResult& result : solve_plans(profile_, run_of(session_), solve_options,
                                                     static_cast<std::size_t>(options_.variants))) {
        plans.push_back(
            {.name = result.plan.name, .density = result.density, .plan = std::move(result.plan)});
      }
    } catch (const Error& error) {
      // Rules whose cheapest patterns do not fit into what the dense parts leave.
      if (error.code() != ErrorCode::kUnsupported && error.code() != ErrorCode::kUsage) {
        throw;
      }
    }
    return plans;
  }

  std::vector<double> dense_times(const DenseParts& parts) const {
    const std::vector<double>& t = session_.step_t();
    std::vector<double> dense(t.begin(), t.begin() + parts.first_steps.value_or(0));
    dense.insert(dense.end(), t.end() - parts.last_steps.value_or(0), t.end());
    return dense;
  }

  media::ClipQuality tune(const Contestant& contestant, const std::string& name) {
    return mean_quality(measure(contestant, tuning_, options_.tuning_seed, name));
  }

  std::vector<media::ClipQuality> measure(const Contestant& contestant,
                                          const std::vector<EncodedPrompt>& prompts,
                                          std::uint64_t first_seed, const std::string& name) {
    std::vector<media::ClipQuality> all;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const std::uint64_t seed = report::seed_at(first_seed, i);
      const std::string stage = concat(name, " ", i + 1, " of ", prompts.size());
      if (contestant.plan) {
        all.push_back(quality_.measure(*contestant.plan, prompts[i], seed, stage));
      } else {
        OracleAttention oracle(contestant.oracle);
        all.push_back(quality_.measure(
            oracle,
            concat("oracle ", contestant.oracle.share, " ", contestant.oracle.dense_first_layers,
                   " ", json_dump(json(contestant.oracle.dense_t))),
            prompts[i], seed, stage));
      }
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
    if (policy.quality.empty()) {
      continue;
    }
    std::vector<double> differences;
    for (std::size_t i = 0; i < policy.quality.size(); ++i) {
      differences.push_back(solver.quality[i].psnr_db - policy.quality[i].psnr_db);
    }
    const report::Interval interval = report::bootstrap_interval(differences);
    policy.behind_db = report::mean_of(differences);
    policy.behind_db_low = interval.low;
    policy.behind_db_high = interval.high;
  }
}

}  // namespace

PoliciesReport compare_policies(const PoliciesOptions& options, const JobControl& control) {
  require(!options.prompts.empty() && !options.tuning_prompts.empty(), ErrorCode::kUsage,
          "prompts to measure on and prompts to tune on are both needed");
  report::check_prompts(options.prompts);
  report::check_prompts(options.tuning_prompts);
  require(!options.dense_first_steps.empty(), ErrorCode::kUsage,
          "no number of dense first steps to try");
  require(options.variants >= 1 && options.variants <= 64, ErrorCode::kUsage, "variants ",
          options.variants, " is not in 1..64");
  for (const auto& [name, values] : {std::pair("dense first steps", &options.dense_first_steps),
                                     std::pair("dense last steps", &options.dense_last_steps),
                                     std::pair("dense layers", &options.dense_first_layers)}) {
    for (const std::int32_t value : *values) {
      require(value >= 0, ErrorCode::kUsage, name, " ", value, " is negative");
    }
  }
  check_clip(options.clip);
  const fs::path work = work_folder(options.out, options.work);
  const Outputs outputs({{options.out, OutputKind::kReport}, {work, OutputKind::kFolder}},
                        {{"profile", options.profile}, {"model", options.clip.model}});
  const std::shared_ptr<const Profile> profile = read_profile_of(options.profile);
  const Session session(options.clip, control);
  PoliciesReport report{
      .options = options,
      .model = concat(model_name(session.model().folder), " ", session.fingerprint()),
      .device = session.device(),
      .dtype = session.dtype()};
  report.options.clip = session.clip();
  for (std::vector<std::int32_t>* values :
       {&report.options.dense_first_steps, &report.options.dense_last_steps,
        &report.options.dense_first_layers}) {
    std::sort(values->begin(), values->end());
  }
  Comparison comparison(report.options, session, work, profile);
  for (const auto& [policy, name] : search::kPolicyNames) {
    report.policies.push_back(comparison.run(policy));
    require(policy != search::Policy::kSolver || !report.policies.back().quality.empty(),
            ErrorCode::kUnsupported, "density ", options.density,
            " is below what the solver reaches");
  }
  if (options.oracle) {
    report.policies.push_back(comparison.run(std::nullopt));
  }
  add_differences(report.policies);
  write_file(options.out, to_json(report));
  return report;
}

namespace {

std::string parts_text(const DenseParts& parts) {
  return concat(parts.first_steps ? std::to_string(*parts.first_steps) : "free", "+",
                parts.last_steps ? std::to_string(*parts.last_steps) : "free", ", ",
                parts.first_layers);
}

json parts_json(const DenseParts& parts) {
  const auto steps = [](const std::optional<std::int32_t>& count) {
    return count ? json(*count) : json("free");
  };
  return {{"dense_first_steps", steps(parts.first_steps)},
          {"dense_last_steps", steps(parts.last_steps)},
          {"dense_first_layers", parts.first_layers}};
}

}  // namespace

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
      "policy          dense steps, layers  density   PSNR  worst    SSIM  behind the solver (95 "
      "%)\n";
  for (const PolicyResult& policy : report.policies) {
    const std::string& name = policy.policy;
    text += name + std::string(name.size() < 16 ? 16 - name.size() : 0, ' ');
    if (policy.quality.empty()) {
      text += "  no plan of this rule at this density\n";
      continue;
    }
    text += cell(parts_text(policy.parts), 19) + number_cell(policy.density, 3, 9) +
            number_cell(policy.psnr_db, 2, 7) + number_cell(policy.psnr_db_worst, 2, 7) +
            number_cell(policy.ssim, 4, 8);
    if (&policy != &report.policies.front()) {
      text += number_cell(policy.behind_db, 2, 7) + " dB (" +
              number_cell(policy.behind_db_low, 2, 0) + " to " +
              number_cell(policy.behind_db_high, 2, 0) + ")";
    }
    text += "\n";
  }
  const report::ClipSettings& clip = report.options.clip;
  return text + concat(report.options.prompts.size(), " prompts, ", *clip.width, "x", *clip.height,
                       "x", *clip.frames, ", ", *clip.sampler, ", shift ", *clip.shift, ", ",
                       *clip.steps, " steps, ", report.dtype, ", ", report.device, "\n");
}

std::string to_json(const PoliciesReport& report) {
  json policies = json::array();
  for (const PolicyResult& policy : report.policies) {
    json tuning = json::array();
    for (const TunedParts& tuned : policy.tuning) {
      json row = parts_json(tuned.parts);
      row["psnr_db"] = number(tuned.quality.psnr_db);
      row["ssim"] = tuned.quality.ssim;
      tuning.push_back(std::move(row));
    }
    json rows = json::array();
    for (std::size_t i = 0; i < policy.quality.size(); ++i) {
      rows.push_back({{"prompt", report.options.prompts[i]},
                      {"psnr_db", number(policy.quality[i].psnr_db)},
                      {"ssim", policy.quality[i].ssim}});
    }
    policies.push_back(
        {{"policy", policy.policy},
         {"dense", parts_json(policy.parts)},
         {"choice", policy.choice},
         {"density", policy.density},
         {"psnr_db", number(policy.psnr_db)},
         {"psnr_db_worst", number(policy.psnr_db_worst)},
         {"ssim", policy.ssim},
         {"behind_solver_db", number(policy.behind_db)},
         {"behind_solver_db_95", {number(policy.behind_db_low), number(policy.behind_db_high)}},
         {"tuning", tuning},
         {"rows", rows}});
  }
  json value = json::object();
  value["density"] = report.options.density;
  value.update(measured_with(report.model, report.device, report.dtype, report.options.clip));
  value.update(
      json{{"seed", report.options.seed},
           {"tuning_prompts", report.options.tuning_prompts},
           {"interval",
            "paired bootstrap over prompts, 10,000 draws, 95 % percentiles, of the solver's "
            "PSNR minus the "
            "policy's"},
           {"policies", policies}});
  return json_dump(value, 2) + "\n";
}

}  // namespace twill::jobs
