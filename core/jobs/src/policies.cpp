// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/policies.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "clip_files.h"
#include "contestants.h"
#include "files.h"
#include "json.h"
#include "kept_quality.h"
#include "kept_values.h"
#include "output_power.h"
#include "plan_inputs.h"
#include "policy_rows.h"
#include "session.h"
#include "tuning.h"
#include "twill/jobs/model_facts.h"
#include "twill/plan/outputs.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/plan_view.h"
#include "twill/plan/whole_files.h"
#include "twill/search/profile_hash.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

struct Measured {
  std::vector<media::ClipQuality> quality;  // [prompts]
  double density = 1.0;
};

double mean_psnr(const std::vector<media::ClipQuality>& all) {
  double sum = 0.0;
  for (const media::ClipQuality& quality : all) {
    sum += quality.psnr_db;
  }
  return sum / static_cast<double>(all.size());
}

// All rows from one profile.
class Comparison {
 public:
  Comparison(const PoliciesOptions& options, const Session& session, const fs::path& work,
             RowSources sources)
      : options_(options),
        session_(session),
        quality_(session, work, options.only_kept),
        kept_(kept_folder(work)),
        contestants_(session, options, with_powers(std::move(sources))) {
    for (const std::string& prompt : options.tuning_prompts) {
      tuning_.push_back(session.encode(prompt));
    }
    for (const std::string& prompt : options.prompts) {
      prompts_.push_back(session.encode(prompt));
    }
  }

  PolicyRun run(const PolicyRow& row) {
    if (const auto* rule = std::get_if<RuleRow>(&row.what)) {
      return run_tuned(
          row.name, rule->policy == search::Policy::kSolver,
          [&](const DenseParts& parts) { return contestants_.of(*rule, parts, options_.density); });
    }
    if (const auto* published = std::get_if<PublishedRow>(&row.what)) {
      const std::optional<Contestant> contestant = contestants_.published(published->policy);
      return contestant ? run_beside_solver(*contestant, row.name) : PolicyRun();
    }
    return run_oracle(row.name, std::get<OracleRow>(row.what));
  }

 private:
  RowSources with_powers(RowSources sources) {
    sources.with_output_power = [this](const Profile& profile) { return by_power(profile); };
    return sources;
  }

  // Mean squares of a dense clip of each tuning prompt.
  std::vector<float> power_of(const Profile& profile) {
    std::string key = concat("output power, profile ", search::profile_hash(profile), ", clips ",
                             session_.dense_key(), " seed ", options_.tuning_seed);
    for (const EncodedPrompt& prompt : tuning_) {
      key += "\n" + prompt.text;
    }
    const std::optional<json> kept = kept_.get(key);
    if (kept && kept->is_array() && kept->size() == profile.gain.size() &&
        std::ranges::all_of(*kept, [](const json& value) { return value.is_number(); })) {
      return kept->get<std::vector<float>>();
    }
    if (options_.only_kept) {
      throw NotKept();
    }
    OutputPower power(profile);
    for (std::size_t i = 0; i < tuning_.size(); ++i) {
      session_.denoise(
          tuning_[i], report::seed_at(options_.tuning_seed, i), power,
          concat("size of the heads' outputs, tuning ", i + 1, " of ", tuning_.size()));
    }
    kept_.put(key, power.mean());
    return power.mean();
  }
  std::shared_ptr<const Profile> by_power(const Profile& profile) {
    std::shared_ptr<const Profile>& found = by_power_[&profile];
    if (!found) {
      auto copy = std::make_shared<Profile>(profile);
      copy->gain = power_of(profile);
      found = copy;
    }
    return found;
  }

  PolicyRun run_tuned(const std::string& name, bool own_choice,
                      const std::function<std::vector<Contestant>(const DenseParts&)>& plans_of) {
    std::vector<std::pair<DenseParts, std::vector<Contestant>>> made;
    const auto contestant_of = [&](const TunedSetting& setting) -> const Contestant* {
      auto found = std::ranges::find(made, setting.parts,
                                     &std::pair<DenseParts, std::vector<Contestant>>::first);
      if (found == made.end()) {
        made.emplace_back(setting.parts, plans_of(setting.parts));
        found = std::prev(made.end());
      }
      const auto variant = static_cast<std::size_t>(setting.variant);
      return variant < found->second.size() ? &found->second[variant] : nullptr;
    };
    PolicyRun run;
    run.tuned = tune(
        [&](const TunedSetting& setting) -> std::optional<double> {
          const Contestant* contestant = contestant_of(setting);
          if (contestant == nullptr) {
            return std::nullopt;
          }
          return mean_psnr(measure(*contestant, tuning_, options_.tuning_seed,
                                   concat(name, ", ", describe(setting), ", tuning"))
                               .quality);
        },
        static_cast<std::size_t>(options_.settings), own_choice);
    if (run.tuned.tried.empty()) {
      return run;  // its patterns do not go below this density
    }
    const Contestant best = *contestant_of(run.tuned.tried[run.tuned.best].setting);
    if (name == kSolverRow) {
      solver_ = best.plan;
    }
    take(run, best, name);
    return run;
  }

  PolicyRun run_oracle(const std::string& name, const OracleRow& row) {
    switch (row.shares) {
      case OracleShares::kEqual:
        return run_tuned(name, false, [&](const DenseParts& parts) {
          std::vector<Contestant> one;
          if (std::optional<Contestant> found = contestants_.with_equal_share(row, parts)) {
            one.push_back(std::move(*found));
          }
          return one;
        });
      case OracleShares::kSolver: {
        PolicyRun run;
        take(run, contestants_.with_shares_of(row, *solver_), name);
        return run;
      }
      case OracleShares::kTopP:
        return run_top_p(name, row);
    }
    throw Error(ErrorCode::kUsage, "unknown shares of an oracle");
  }

  // The greatest p that keeps to the density on the tuning prompts.
  PolicyRun run_top_p(const std::string& name, const OracleRow& row) {
    constexpr int kHalvings = 7;  // to within 0.8 % of the mass
    double low = 0.0, high = 1.0;
    for (int i = 0; i < kHalvings; ++i) {
      const double p = (low + high) / 2.0;
      const Measured found = measure(contestants_.with_top_p(row, p), tuning_, options_.tuning_seed,
                                     concat(name, ", p ", p, ", tuning"));
      (found.density <= options_.density ? low : high) = p;
    }
    PolicyRun run;
    if (low > 0.0) {
      run = run_beside_solver(contestants_.with_top_p(row, low), name);
      run.top_p = low;
    }
    return run;
  }

  // Its density is its own: the solver's plan for that density stands beside it.
  PolicyRun run_beside_solver(const Contestant& contestant, const std::string& name) {
    PolicyRun run;
    take(run, contestant, name);
    const std::vector<Contestant> solver = contestants_.of(RuleRow{}, {}, run.density);
    require(!solver.empty(), ErrorCode::kUnsupported, name, ": the solver has no plan of density ",
            run.density);
    run.solver_there =
        measure(solver.front(), prompts_, options_.seed, concat("solver beside ", name)).quality;
    return run;
  }

  void take(PolicyRun& run, const Contestant& contestant, const std::string& name) {
    Measured measured = measure(contestant, prompts_, options_.seed, name);
    run.plan = contestant.name;
    run.density = contestant.plan ? contestant.density : measured.density;
    run.quality = std::move(measured.quality);
    run.lambda = contestant.lambda;
    run.epsilon = contestant.epsilon;
    if (contestant.plan) {
      run.clip_error = contestants_.clip_error(*contestant.plan);
    }
  }

  Measured measure(const Contestant& contestant, const std::vector<EncodedPrompt>& prompts,
                   std::uint64_t first_seed, const std::string& name) {
    Measured all{.density = 0.0};
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const std::uint64_t seed = report::seed_at(first_seed, i);
      const std::string stage = concat(name, " ", i + 1, " of ", prompts.size());
      if (contestant.plan) {
        all.quality.push_back(quality_.measure(*contestant.plan, prompts[i], seed, stage));
        continue;
      }
      const std::unique_ptr<CountedAttention> attention = contestant.attention();
      const CountedQuality found =
          quality_.measure(*attention, contestant.key, prompts[i], seed, stage);
      all.quality.push_back(found.quality);
      all.density += found.density / static_cast<double>(prompts.size());
    }
    return all;
  }

  const PoliciesOptions& options_;
  const Session& session_;
  KeptQuality quality_;
  KeptValues kept_;
  Contestants contestants_;
  std::vector<EncodedPrompt> tuning_;
  std::vector<EncodedPrompt> prompts_;
  std::optional<Plan> solver_;  // the best on the tuning prompts
  std::map<const Profile*, std::shared_ptr<const Profile>> by_power_;
};

void check_options(const PoliciesOptions& options) {
  require(!options.prompts.empty() && !options.tuning_prompts.empty(), ErrorCode::kUsage,
          "prompts to measure on and prompts to tune on are both needed");
  report::check_prompts(options.prompts);
  report::check_prompts(options.tuning_prompts);
  require(!options.profiles.empty(), ErrorCode::kUsage, "no profile");
  require(options.fed_profiles.empty() || options.fed_profiles.size() == options.profiles.size(),
          ErrorCode::kUsage, options.fed_profiles.size(), " profiles along sparse clips beside ",
          options.profiles.size(), " profiles; each of these needs one, or none");
  require(options.settings >= 1 && options.settings <= 1000, ErrorCode::kUsage, "settings ",
          options.settings, " is not in 1..1000");
  search::check_solve_options({.budget = options.density, .segments = options.segments});
  check_clip(options.clip);
}

bool needs_fed(const PolicyRow& row) {
  const auto* rule = std::get_if<RuleRow>(&row.what);
  return rule != nullptr && rule->fed_forward;
}

std::vector<Output> outputs_of(const PoliciesOptions& options, const fs::path& work) {
  return {{options.out, OutputKind::kReport}, {work, OutputKind::kFolder}};
}

std::vector<Input> inputs_of(const PoliciesOptions& options) {
  std::vector<Input> inputs{{"model", options.clip.model.path}};
  for (const auto* paths : {&options.profiles, &options.fed_profiles}) {
    for (const fs::path& path : *paths) {
      inputs.push_back({"profile", path});
    }
  }
  return inputs;
}

}  // namespace

report::PoliciesReport compare_policies(const PoliciesOptions& options, const JobControl& control) {
  check_options(options);
  std::vector<PolicyRow> rows = policy_rows(options.rows);
  if (options.fed_profiles.empty()) {
    std::erase_if(rows, needs_fed);
  }
  const fs::path work = work_folder(options.out, options.work);
  const Outputs outputs(outputs_of(options, work), inputs_of(options));
  std::vector<std::shared_ptr<const Profile>> profiles, fed;
  for (const fs::path& path : options.profiles) {
    profiles.push_back(read_profile_of(path));
  }
  for (const fs::path& path : options.fed_profiles) {
    fed.push_back(read_profile_of(path));
  }
  const Session session(options.clip, control);
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    check_profile_for(*profiles[i], session.model().shape(), options.profiles[i]);
    if (!fed.empty()) {
      check_profile_for(*fed[i], session.model().shape(), options.fed_profiles[i]);
    }
  }
  report::PoliciesReport report{.density = options.density,
                                .segments = options.segments,
                                .settings = options.settings,
                                .seed = options.seed,
                                .tuning_seed = options.tuning_seed,
                                .prompts = options.prompts,
                                .tuning_prompts = options.tuning_prompts,
                                .with = measured_with(session, options.facts)};
  for (const PolicyRow& row : rows) {
    report.policies.push_back({.row = row.name});
  }
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    report.profile_hashes.push_back(search::profile_hash(*profiles[i]));
    Comparison comparison(options, session, work,
                          {.profile = profiles[i], .fed = fed.empty() ? nullptr : fed[i]});
    for (std::size_t row = 0; row < rows.size(); ++row) {
      try {
        report.policies[row].runs.push_back(comparison.run(rows[row]));
      } catch (const NotKept&) {
        require(row > 0, ErrorCode::kUsage, "the solver's clips of ", options.profiles[i].string(),
                " are not all kept in ", work.string());
        continue;
      }
      require(row > 0 || report.policies[row].measured(), ErrorCode::kUnsupported, "density ",
              options.density, " is below what the solver reaches");
    }
  }
  std::erase_if(report.policies,
                [&](const report::PolicyResult& row) { return row.runs.size() < profiles.size(); });
  add_sums(report, contrast_rows());
  write_file(options.out, to_json(report));
  return report;
}

}  // namespace twill::jobs
