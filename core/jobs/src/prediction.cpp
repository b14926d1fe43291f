// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/prediction.h"

#include <algorithm>
#include <cmath>

#include "files.h"
#include "json.h"
#include "kept_quality.h"
#include "profile_files.h"
#include "session.h"
#include "solving.h"
#include "statistics.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/whole_files.h"
#include "twill/search/calibration.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr double kEqualDensity = 0.02;

struct HeldOut {
  std::string name;
  search::SolveResult solved;
};

void check_options(const PredictionOptions& options) {
  require(!options.prompts.empty(), ErrorCode::kUsage, "no prompt");
  require(!options.densities.empty(), ErrorCode::kUsage, "no density");
  for (const double density : options.densities) {
    check_solve_options({.budget = density, .segments = options.segments});
  }
  check_can_write(options.out);
}

std::string name_of(const SolveOptions& options) {
  return concat(search::policy_name(options.policy), " ", options.budget, ", ",
                options.dense_first_steps ? std::to_string(*options.dense_first_steps) : "free",
                " dense steps, ", options.segments, " segments");
}

std::vector<HeldOut> held_out_plans(const std::shared_ptr<const Profile>& profile,
                                    const std::vector<double>& step_t,
                                    const PredictionOptions& options) {
  const auto fifth = std::max<std::int32_t>(1, static_cast<std::int32_t>(step_t.size()) / 5);
  std::vector<SolveOptions> wanted;
  for (const double density : options.densities) {
    wanted.push_back({.budget = density, .segments = options.segments});
    wanted.push_back({.budget = density, .segments = 1});
    for (const auto& [policy, name] : search::kPolicyNames) {
      for (const std::int32_t steps : {0, fifth}) {
        wanted.push_back({.policy = policy,
                          .budget = density,
                          .segments = options.segments,
                          .dense_first_steps = steps,
                          .dense_last_steps = 0});
      }
    }
  }
  std::vector<HeldOut> plans;
  for (const SolveOptions& one : wanted) {
    try {
      HeldOut plan{name_of(one), solve_plan(profile, step_t, one)};
      // One plan under two names would rank itself right.
      const bool known = std::any_of(plans.begin(), plans.end(), [&](const HeldOut& other) {
        return run_the_same(other.solved.plan, plan.solved.plan);
      });
      if (!known) {
        plans.push_back(std::move(plan));
      }
    } catch (const Error& error) {
      // A rule that does not reach this density.
      if (error.code() != ErrorCode::kUsage) {
        throw;
      }
    }
  }
  return plans;
}

double equal_density_correlation(const PredictionReport& report) {
  double sum = 0.0;
  double groups = 0.0;
  for (const double density : report.options.densities) {
    std::vector<double> predicted, measured;
    for (std::size_t i = 0; i < report.plans.size(); ++i) {
      if (std::abs(report.densities[i] - density) < kEqualDensity) {
        predicted.push_back(report.plans[i].predicted);
        measured.push_back(report.plans[i].measured_mse);
      }
    }
    if (predicted.size() > 2) {
      sum += search::rank_correlation(predicted, measured);
      ++groups;
    }
  }
  return groups > 0.0 ? sum / groups : 0.0;
}

}  // namespace

PredictionReport check_prediction(const PredictionOptions& options, const JobControl& control) {
  check_options(options);
  const fs::path work = work_folder(options.out, options.work);
  check_can_write(work / "clips");
  const Session session(options.clip, control);
  const std::shared_ptr<const Profile> profile = read_profile_of(options.profile);
  check_profile_for(*profile, session.model().shape(), options.profile);
  PredictionReport report{
      .options = options,
      .model = concat(session.model().folder.filename().string(), " ", session.fingerprint()),
      .device = session.device(),
      .dtype = session.dtype()};
  report.options.clip = session.clip();

  const std::vector<HeldOut> plans = held_out_plans(profile, session.step_t(), options);
  require(plans.size() > 2, ErrorCode::kUsage, "densities: only ", plans.size(),
          " plans reach them; three or more are needed");
  const std::vector<search::Forward> forwards = search::forwards_of_run(*profile, session.step_t());
  const search::TimeWeight weight = search::time_weight_of(*profile);
  std::vector<EncodedPrompt> prompts;
  for (const std::string& text : options.prompts) {
    prompts.push_back(session.encode(text));
  }
  KeptQuality quality(session, work);
  std::vector<double> predicted, measured;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    double mse = 0.0;
    for (std::size_t prompt = 0; prompt < prompts.size(); ++prompt) {
      const ClipQuality found = quality.measure(
          plans[i].solved.plan, prompts[prompt], options.seed + static_cast<std::int64_t>(prompt),
          concat("plan ", i + 1, " of ", plans.size(), ", ", plans[i].name, ", prompt ", prompt + 1,
                 " of ", prompts.size()));
      mse += mse_of(found.psnr_db) / static_cast<double>(prompts.size());
    }
    predicted.push_back(search::predicted_error(*profile, plans[i].solved.plan, forwards, weight));
    measured.push_back(mse);
    report.plans.push_back({plans[i].name, predicted.back(), mse});
    report.densities.push_back(plans[i].solved.density);
  }
  report.rank_correlation = search::rank_correlation(predicted, measured);
  report.rank_correlation_at_equal_density = equal_density_correlation(report);
  write_file(options.out, to_json(report));
  return report;
}

std::string describe(const PredictionReport& report) {
  char text[256];
  std::snprintf(text, sizeof text,
                "%zu plans, %zu prompts: rank correlation of predicted and measured error %.3f; at "
                "equal density %.3f\n",
                report.plans.size(), report.options.prompts.size(), report.rank_correlation,
                report.rank_correlation_at_equal_density);
  return text;
}

std::string to_json(const PredictionReport& report) {
  json plans = json::array();
  for (std::size_t i = 0; i < report.plans.size(); ++i) {
    plans.push_back({{"name", report.plans[i].name},
                     {"density", report.densities[i]},
                     {"predicted_error", report.plans[i].predicted},
                     {"clip_mse", report.plans[i].measured_mse}});
  }
  json value{{"rank_correlation", report.rank_correlation},
             {"rank_correlation_at_equal_density", report.rank_correlation_at_equal_density}};
  value.update(measured_with(report.model, report.device, report.dtype, report.options.clip));
  value.update(
      json{{"seed", report.options.seed}, {"prompts", report.options.prompts}, {"plans", plans}});
  return value.dump(2) + "\n";
}

}  // namespace twill::jobs
