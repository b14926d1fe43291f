// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "target_loop.h"

#include <functional>
#include <optional>

#include "files.h"
#include "json.h"
#include "solving.h"
#include "statistics.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/whole_files.h"
#include "twill/search/budget_finder.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxBytes = 1u << 20;
// Seconds of the denoising loop by what ran, kept in a file.
class KeptTimes {
 public:
  explicit KeptTimes(fs::path file) : file_(std::move(file)) {
    std::error_code code;
    if (fs::exists(file_, code)) {
      const json stored = json::parse(read_file(file_, kMaxBytes), nullptr, false);
      kept_ = stored.is_object() ? stored : json::object();
    }
  }
  double get(const std::string& key, const std::function<double()>& measure) {
    if (!kept_.contains(key) || !kept_[key].is_number()) {
      kept_[key] = measure();
      write_file(file_, kept_.dump(1));
    }
    return kept_[key].get<double>();
  }

 private:
  fs::path file_;
  json kept_ = json::object();
};

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
                /*least_budget=*/0.0, options.target.most_tries),
        quality_(session, work),
        times_(work / concat("seconds-of-loops-", hex(hash_text(session.dense_key())), ".json")) {}

  LoopResult run() {
    std::vector<search::SolveResult> solved;
    while (const std::optional<double> budget = finder_.next()) {
      solved.push_back(solve(*budget));
      TargetTry tried = attempt(solved.back(), *budget);
      tried.holds = finder_.tell(options_.target.min_psnr_db ? tried.psnr_db : tried.speedup);
      result_.tries.push_back(tried);
    }
    require(finder_.best().has_value(), ErrorCode::kUsage, wish(), " was not reached in ",
            result_.tries.size(), " tries; the nearest had ", finder_.nearest().measured,
            options_.target.min_psnr_db ? " dB" : "x");
    result_.solved = std::move(solved[*finder_.best()]);
    return std::move(result_);
  }

 private:
  search::SolveResult solve(double budget) const {
    SolveOptions asked = options_.solve;
    asked.budget = budget;
    return solve_plan(profile_, session_.step_t(), asked);
  }

  TargetTry attempt(const search::SolveResult& solved, double budget) {
    const std::size_t number = result_.tries.size() + 1;
    TargetTry tried{.budget = budget, .density = solved.density};
    const std::string stage = concat("try ", number, " of at most ", options_.target.most_tries);
    if (options_.target.min_psnr_db) {
      const auto count = static_cast<double>(prompts_.size());
      double mse = 0.0;
      for (std::size_t i = 0; i < prompts_.size(); ++i) {
        const ClipQuality found =
            quality_.measure(solved.plan, prompts_[i], options_.seed + static_cast<std::int64_t>(i),
                             concat(stage, ", prompt ", i + 1, " of ", prompts_.size()));
        tried.psnr_db += found.psnr_db / count;
        mse += mse_of(found.psnr_db) / count;
      }
      result_.probes.push_back({.name = concat("try ", number, ", ", solved.plan.name),
                                .predicted = solved.predicted_error,
                                .measured_mse = mse});
    } else {
      tried.speedup = dense_seconds(stage) / sparse_seconds(solved.plan, stage);
    }
    return tried;
  }

  double dense_seconds(const std::string& stage) {
    return times_.get("dense", [&] {
      engine::DenseAttention dense;
      session_.warm_up(prompts_.front(), dense, session_.step_t().front());
      return session_.denoise(prompts_.front(), options_.seed, dense, "dense clip for " + stage)
          .seconds;
    });
  }

  double sparse_seconds(const Plan& plan, const std::string& stage) {
    auto bare = std::make_shared<Plan>(plan);
    bare->profile = nullptr;
    return times_.get(hex(hash_text(plan_to_json(*bare))), [&] {
      engine::PlanAttention sparse(bare, session_.layout(), session_.clip().threads);
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
  KeptTimes times_;
  LoopResult result_;
};

}  // namespace

LoopResult close_the_loop(const Session& session, std::shared_ptr<const Profile> profile,
                          const SearchOptions& options, const std::vector<EncodedPrompt>& prompts,
                          const fs::path& work) {
  return TargetLoop(session, std::move(profile), options, prompts, work).run();
}

}  // namespace twill::jobs
