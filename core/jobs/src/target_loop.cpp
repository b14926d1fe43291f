// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "target_loop.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "files.h"
#include "json.h"
#include "solving.h"
#include "statistics.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/whole_files.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxBytes = 1u << 20;
// Prompts that no search saw come out a little otherwise than those it measured.
constexpr double kPsnrMargin = 0.5;
constexpr double kSpeedMargin = 1.01;
// Budgets nearer than this are one and the same.
constexpr double kLeastChange = 0.01;
constexpr double kFirstBudget = 0.4;

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
        quality_(session, work),
        times_(work / concat("seconds-of-loops-", hex(hash_text(session.dense_key())), ".json")) {}

  LoopResult run() {
    // A wish for quality is met from above, one for speed from below.
    const bool quality = options_.target.min_psnr_db.has_value();
    double fails = quality ? 0.0 : 1.0;  // the budget nearest to the wish that fails
    double holds = quality ? 1.0 : 0.0;  // and that holds
    double budget = kFirstBudget;
    std::optional<search::SolveResult> best;
    for (std::int32_t i = 0; i < options_.target.most_tries; ++i) {
      search::SolveResult solved = solve(budget);
      const TargetTry tried = attempt(solved, budget, i);
      result_.tries.push_back(tried);
      (tried.holds ? holds : fails) = budget;
      if (tried.holds) {
        best = std::move(solved);
      }
      const double next = next_budget(fails, holds);
      if (std::abs(next - budget) < kLeastChange || std::abs(holds - fails) < kLeastChange) {
        break;
      }
      budget = next;
    }
    require(best.has_value(), ErrorCode::kUsage, wish(), " was not reached in ",
            result_.tries.size(), " tries; the nearest had ", nearest());
    result_.solved = std::move(*best);
    return std::move(result_);
  }

 private:
  search::SolveResult solve(double budget) const {
    SolveOptions asked = options_.solve;
    asked.budget = budget;
    return solve_plan(profile_, session_.step_t(), asked);
  }

  TargetTry attempt(const search::SolveResult& solved, double budget, std::int32_t index) {
    TargetTry tried{.budget = budget, .density = solved.density};
    const std::string stage = concat("try ", index + 1, " of at most ", options_.target.most_tries);
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
      result_.probes.push_back({.name = concat("try ", index + 1, ", ", solved.plan.name),
                                .predicted = solved.predicted_error,
                                .measured_mse = mse});
      tried.holds = tried.psnr_db >= *options_.target.min_psnr_db + kPsnrMargin;
    } else {
      tried.speedup = dense_seconds(stage) / sparse_seconds(solved.plan, stage);
      tried.holds = tried.speedup >= *options_.target.min_speedup * kSpeedMargin;
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

  // What a try measured, in a unit that goes in a straight line with the budget's logarithm (PSNR)
  // or with the budget (seconds per dense second).
  double measured(const TargetTry& tried) const {
    return options_.target.min_psnr_db ? tried.psnr_db : 1.0 / tried.speedup;
  }
  double scale(double budget) const {
    return options_.target.min_psnr_db ? std::log(budget) : budget;
  }
  double unscale(double value) const {
    return options_.target.min_psnr_db ? std::exp(value) : value;
  }
  double wanted() const {
    return options_.target.min_psnr_db ? *options_.target.min_psnr_db + kPsnrMargin
                                       : 1.0 / (*options_.target.min_speedup * kSpeedMargin);
  }

  // Where the line through the two nearest tries meets the wish; between what fails and what holds.
  double next_budget(double fails, double holds) const {
    const double low = std::min(fails, holds), high = std::max(fails, holds);
    const TargetTry& last = result_.tries.back();
    // From one try: about 12 dB for a doubled budget; half of the loop is attention.
    double slope = options_.target.min_psnr_db ? 12.0 / std::log(2.0) : 0.5;
    if (result_.tries.size() >= 2) {
      const TargetTry& before = result_.tries[result_.tries.size() - 2];
      const double run = scale(last.budget) - scale(before.budget);
      const double rise = measured(last) - measured(before);
      slope = run != 0.0 && rise / run > slope / 8.0 ? rise / run : slope;
    }
    const double aim = unscale(scale(last.budget) + (wanted() - measured(last)) / slope);
    const double inside = (high - low) / 20.0;
    return std::clamp(aim, std::max(low + inside, 0.02), high - inside);
  }

  std::string wish() const {
    return options_.target.min_psnr_db
               ? concat("a PSNR of ", *options_.target.min_psnr_db, " dB (measured ",
                        *options_.target.min_psnr_db + kPsnrMargin, ")")
               : concat("a speed-up of ", *options_.target.min_speedup);
  }
  std::string nearest() const {
    const auto found = std::max_element(
        result_.tries.begin(), result_.tries.end(), [&](const TargetTry& a, const TargetTry& b) {
          return options_.target.min_psnr_db ? a.psnr_db < b.psnr_db : a.speedup < b.speedup;
        });
    return options_.target.min_psnr_db ? concat(found->psnr_db, " dB")
                                       : concat(found->speedup, "x");
  }

  const Session& session_;
  std::shared_ptr<const Profile> profile_;
  const SearchOptions& options_;
  const std::vector<EncodedPrompt>& prompts_;
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
