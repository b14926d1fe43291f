// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "target_loop.h"

#include <optional>

#include "files.h"
#include "kept_values.h"
#include "solving.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_view.h"
#include "twill/plan/text_hash.h"
#include "twill/report/statistics.h"
#include "twill/search/budget_finder.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr double kMostDb = 100.0;

class TargetLoop {
 public:
  TargetLoop(const Session& session, std::shared_ptr<const Profile> profile,
             const SearchOptions& options, const std::vector<EncodedPrompt>& prompts,
             const fs::path& work)
      : session_(session),
        profile_(std::move(profile)),
        options_(options),
        prompts_(prompts),
        finder_(options.target.min_psnr_db ? search::Wish::kPsnr : search::Wish::kSpeedup,
                options.target.min_psnr_db ? *options.target.min_psnr_db
                                           : options.target.min_speedup.value(),
                least_budget(profile_, run_of(session), options.solve), options.target.most_tries),
        quality_(session, work),
        kept_(kept_folder(work)) {}

  LoopResult run() {
    std::vector<search::SolveResult> solved;
    while (const std::optional<double> budget = finder_.next()) {
      solved.push_back(solve(*budget));
      report::TargetTry tried = attempt(solved.back(), *budget);
      // Equal clips have no bound; the finder wants a figure.
      tried.holds = finder_.tell(options_.target.min_psnr_db ? std::min(tried.psnr_db, kMostDb)
                                                             : tried.speedup);
      result_.tries.push_back(tried);
    }
    require(finder_.best().has_value(), ErrorCode::kUnsupported, wish(), " was not reached in ",
            result_.tries.size(), " tries; the nearest had ", finder_.nearest().measured,
            options_.target.min_psnr_db ? " dB" : "x");
    result_.solved = std::move(solved[*finder_.best()]);
    return std::move(result_);
  }

 private:
  search::SolveResult solve(double budget) const {
    SolveOptions asked = options_.solve;
    asked.budget = budget;
    return solve_plan(profile_, run_of(session_), asked);
  }

  report::TargetTry attempt(const search::SolveResult& solved, double budget) {
    const std::size_t number = result_.tries.size() + 1;
    report::TargetTry tried{.budget = budget, .density = solved.density};
    const std::string stage = concat("try ", number, " of at most ", options_.target.most_tries);
    if (options_.target.min_psnr_db) {
      const auto count = static_cast<double>(prompts_.size());
      double mse = 0.0;
      for (std::size_t i = 0; i < prompts_.size(); ++i) {
        const media::ClipQuality found =
            quality_.measure(solved.plan, prompts_[i], report::seed_at(options_.seed, i),
                             concat(stage, ", prompt ", i + 1, " of ", prompts_.size()));
        tried.psnr_db += found.psnr_db / count;
        mse += report::mse_of(found.psnr_db) / count;
      }
      result_.probes.push_back({.name = concat("try ", number, ", ", solved.plan.name),
                                .predicted = solved.predicted_error,
                                .measured_mse = mse});
    } else {
      tried.speedup = dense_seconds(stage) / sparse_seconds(solved.plan, stage);
    }
    return tried;
  }

  // Prompt and seed are left out: the time of a loop hardly depends on them.
  std::string key_of(const std::string& attention) const {
    return concat("seconds of the loop by ", attention, ", clip ",
                  hex(hash_text(session_.dense_key())));
  }

  double dense_seconds(const std::string& stage) const {
    return kept_.number_or(key_of("dense"), [&] {
      engine::DenseAttention dense;
      session_.warm_up(prompts_.front(), dense, session_.step_t().front());
      return session_.denoise(prompts_.front(), options_.seed, dense, "dense clip for " + stage)
          .seconds;
    });
  }

  double sparse_seconds(const Plan& plan, const std::string& stage) const {
    return kept_.number_or(key_of(concat("plan ", fingerprint(plan))), [&] {
      engine::PlanAttention sparse(std::make_shared<Plan>(plan), session_.layout(),
                                   session_.clip().threads);
      session_.warm_up(prompts_.front(), sparse, session_.step_t().back());
      return session_.denoise(prompts_.front(), options_.seed, sparse, stage).seconds;
    });
  }

  std::string wish() const {
    return options_.target.min_psnr_db ? concat("a PSNR of ", *options_.target.min_psnr_db,
                                                " dB (measured ", finder_.wanted(), ")")
                                       : concat("a speed-up of ", *options_.target.min_speedup);
  }

  const Session& session_;
  std::shared_ptr<const Profile> profile_;
  const SearchOptions& options_;
  const std::vector<EncodedPrompt>& prompts_;
  search::BudgetFinder finder_;
  KeptQuality quality_;
  KeptValues kept_;
  LoopResult result_;
};

}  // namespace

LoopResult close_the_loop(const Session& session, std::shared_ptr<const Profile> profile,
                          const SearchOptions& options, const std::vector<EncodedPrompt>& prompts,
                          const fs::path& work) {
  return TargetLoop(session, std::move(profile), options, prompts, work).run();
}

}  // namespace twill::jobs
