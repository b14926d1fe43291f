// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/search_run.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "probing.h"
#include "profiled_clips.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_view.h"
#include "twill/plan/text_hash.h"
#include "twill/search/calibration.h"
#include "twill/search/kept_values.h"

namespace twill::search {
namespace {

constexpr double kMostDb = 100.0;  // equal clips have no bound; the finder wants a figure

void check_times(const RunFacts& run, const char* name) {
  require(!run.t.empty(), ErrorCode::kUsage, name, ": no step has a t");
  for (const double t : run.t) {
    require(t >= 0.0 && t <= 1.0, ErrorCode::kUsage, name, ": t ", t, " is not in 0..1");
  }
}

SearchRequest checked(SearchRequest request) {
  check_solve_options(request.solve);
  if (request.target) {
    check_target(*request.target);
  }
  if (request.layout) {
    check_layout(*request.layout);
  }
  check_times(request.run, "run");
  require(request.points >= 1 && request.points <= 64, ErrorCode::kUsage, "points ", request.points,
          " is not in 1..64");
  const std::int32_t map_size = request.map_size.value_or(0);
  require(map_size >= 0 && map_size <= 256, ErrorCode::kUsage, "map size ", map_size,
          " is not in 0..256");
  require(request.probes >= 0 && request.probes <= 64, ErrorCode::kUsage, "probes ", request.probes,
          " is not in 0..64");
  require(!request.prompts.empty(), ErrorCode::kUsage, "prompts: there is none");
  require(request.prompts.size() == request.seeds.size(), ErrorCode::kUsage,
          "seeds: ", request.seeds.size(), " of ", request.prompts.size(), " prompts");
  require(!request.work.empty(), ErrorCode::kUsage, "work: there is no folder to keep things in");
  if (request.stripes && request.map_size != 0) {
    check_times(request.maps_run, "run for maps");
  }
  return request;
}

struct AskedText {
  std::string operator()(const ClipWork& work) const {
    return concat("the clip of prompt ", work.prompt + 1);
  }
  std::string operator()(const CostWork&) const { return "the times of the candidates"; }
  std::string operator()(const QualityWork& work) const {
    return concat("the PSNR of plan \"", work.plan->name, "\"");
  }
  std::string operator()(const SecondsWork& work) const {
    return work.plan ? concat("the seconds of plan \"", work.plan->name, "\"")
                     : "the seconds of the dense loop";
  }
};

}  // namespace

void check_target(const SearchTarget& target) {
  const bool quality = target.wish == Wish::kPsnr;
  const double most = quality ? 80.0 : 1000.0;
  require(target.value > 0.0 && target.value <= most, ErrorCode::kUsage,
          quality ? "least PSNR " : "least speed-up ", target.value, " is not in (0, ", most, "]",
          quality ? " dB" : "");
  require(target.most_tries >= 1 && target.most_tries <= 32, ErrorCode::kUsage, "tries ",
          target.most_tries, " is not in 1..32");
}

struct SearchRun::Impl {
  enum class Stage : std::uint8_t {
    kClips,
    kProbes,
    kCosts,
    kFirstPlan,
    kTarget,
    kDone,
  };

  Impl(SearchRequest asked, std::stop_token stop_when)
      : request(checked(std::move(asked))),
        stop(std::move(stop_when)),
        kept(request.work / "kept"),
        clip_key(hex(hash_text(request.clip_key))),
        clips(request, stop) {}

  SearchRequest request;
  std::stop_token stop;
  KeptValues kept;
  std::map<std::string, double> figures;  // that this process was told, by key
  std::string clip_key;
  ProfiledClips clips;

  Stage stage = Stage::kClips;
  std::optional<SearchWork> work;
  std::shared_ptr<Profile> profile;
  std::optional<ProbeSeries> probes;
  std::vector<double> probes_db;

  std::optional<BudgetFinder> finder;
  std::optional<SolveResult> trying;
  double budget = 0.0;  // of it
  std::vector<SolveResult> solved;
  std::vector<SearchTry> tries;
  std::vector<MeasuredPlan> measured;
  std::optional<std::size_t> best;

  void next_clip() {
    if (std::optional<ClipWork> clip = clips.next()) {
      work = std::move(*clip);
      return;
    }
    auto found = std::make_shared<Profile>(clips.finish());
    if (!profile) {
      profile = std::move(found);
      stage = Stage::kProbes;
      return;
    }
    found->cost = profile->cost;
    found->time_weight = profile->time_weight;
    found->provenance.insert(profile->provenance.begin(), profile->provenance.end());
    profile = std::move(found);
    stage = Stage::kTarget;
  }

  // ---- figures

  std::optional<double> figure(const std::string& name, bool is_quality) const {
    if (const auto found = figures.find(name); found != figures.end()) {
      return found->second;
    }
    const std::optional<double> found = is_quality ? kept_psnr_db(kept, name) : kept.number(name);
    return found && (is_quality ? *found >= 0.0 : *found > 0.0) ? found : std::nullopt;
  }

  std::string quality_key(const QualityWork& asked) const {
    return concat("quality by plan ", fingerprint(*asked.plan), ", clip ", clip_key, " seed ",
                  asked.seed, " ", request.prompts[static_cast<std::size_t>(asked.prompt)]);
  }
  // Prompt and seed are left out: the time of a loop hardly depends on them.
  std::string seconds_key(const SecondsWork& asked) const {
    return concat("seconds of the loop by ",
                  asked.plan ? concat("plan ", fingerprint(*asked.plan)) : "dense", ", clip ",
                  clip_key, " on ", request.device);
  }
  KeptValues kept_costs_folder() const {
    return request.costs.empty() ? kept : KeptValues(request.costs);
  }
  std::string costs_key() const {
    const TokenLayout& layout = profile->layout;
    std::string key =
        concat("costs on ", request.device, "\n", layout.frames, "x", layout.rows, "x", layout.cols,
               " after ", layout.prefix, " before ", layout.suffix, "\n",
               profile->model.stacks.front().heads, " heads of ", profile->model.head_dim);
    for (const Pattern& pattern : profile->candidates) {
      key += concat("\n", describe(pattern));
    }
    return key;
  }
  void keep(const CostTable& table) const {
    try {
      keep_costs(kept_costs_folder(), costs_key(), table);
    } catch (const Error&) {
      if (request.costs.empty()) {
        throw;
      }
    }
  }

  // As kept or told; nothing where it is asked for now.
  std::optional<double> quality(QualityWork asked) {
    const std::optional<double> found = figure(quality_key(asked), true);
    if (!found) {
      work = std::move(asked);
    }
    return found;
  }
  std::optional<double> seconds_of_loop(SecondsWork asked) {
    const std::optional<double> found = figure(seconds_key(asked), false);
    if (!found) {
      work = std::move(asked);
    }
    return found;
  }

  // ---- after the profile

  void next_probe() {
    if (request.probes == 0) {
      stage = Stage::kCosts;
      return;
    }
    if (!probes) {
      probes.emplace(profile, request.run, request.probes);
    }
    const auto count = static_cast<std::int32_t>(probes->plans().size());
    while (std::ssize(probes_db) < count) {
      const std::optional<double> found =
          quality({.purpose = QualityWork::Purpose::kProbe,
                   .number = static_cast<std::int32_t>(probes_db.size()) + 1,
                   .of = count,
                   .prompt = 0,
                   .seed = request.seeds.front(),
                   .plan = probes->plans()[probes_db.size()]});
      if (!found) {
        return;
      }
      probes_db.push_back(*found);
    }
    ProbeSeries::Fitted fitted = probes->fit(probes_db);
    profile = std::make_shared<Profile>(*profile);
    profile->time_weight = std::move(fitted.weight);
    measured = std::move(fitted.measured);
    stage = Stage::kCosts;
  }

  void next_costs() {
    if (request.solve.budget_kind == BudgetKind::kAttentionShare && profile->cost.device.empty()) {
      std::optional<CostTable> found =
          kept_costs(kept_costs_folder(), costs_key(), profile->layout, profile->candidates.size());
      if (!found) {
        work = CostWork{profile};
        return;
      }
      take_costs(std::move(*found));
    }
    stage = Stage::kFirstPlan;
  }

  void take_costs(CostTable table) {
    profile = std::make_shared<Profile>(*profile);
    profile->cost = std::move(table);
    check_profile(*profile);
  }

  SolveResult solve_within(double share) const {
    SolveOptions options = request.solve;
    options.budget = share;
    return solve_plan(profile, request.run, options);
  }

  void first_plan() {
    if (!request.sparse_trajectory) {
      stage = Stage::kTarget;
      return;
    }
    clips.begin_along(std::make_shared<Plan>(solve_within(request.solve.budget).plan));
    stage = Stage::kClips;
  }

  void next_try() {
    if (!request.target) {
      stage = Stage::kDone;
      return;
    }
    if (!finder) {
      finder.emplace(request.target->wish, request.target->value,
                     least_budget(profile, request.run, request.solve), request.target->most_tries);
    }
    if (!trying) {
      const std::optional<double> share = finder->next();
      if (!share) {
        end_tries();
        return;
      }
      budget = *share;
      trying = solve_within(budget);
    }
    const bool is_quality = request.target->wish == Wish::kPsnr;
    const std::optional<double> found = is_quality ? quality_of_try() : speedup_of_try();
    if (found) {
      const bool holds = finder->tell(is_quality ? std::min(*found, kMostDb) : *found);
      tries.push_back({budget, trying->density, *found, holds});
      solved.push_back(std::move(*trying));
      trying.reset();
    }
  }

  std::int32_t try_number() const { return static_cast<std::int32_t>(tries.size()) + 1; }

  std::optional<double> quality_of_try() {
    const auto plan = std::make_shared<Plan>(trying->plan);
    const auto count = static_cast<double>(request.prompts.size());
    double psnr_db = 0.0, mse = 0.0;
    for (std::size_t i = 0; i < request.prompts.size(); ++i) {
      const std::optional<double> found = quality({.purpose = QualityWork::Purpose::kTry,
                                                   .number = try_number(),
                                                   .of = request.target->most_tries,
                                                   .prompt = static_cast<std::int32_t>(i),
                                                   .seed = request.seeds[i],
                                                   .plan = plan});
      if (!found) {
        return std::nullopt;
      }
      psnr_db += *found / count;
      mse += mse_of(*found) / count;
    }
    measured.push_back({.name = concat("try ", try_number(), ", ", plan->name),
                        .predicted = trying->predicted_error,
                        .clip_mse = mse});
    return psnr_db;
  }

  std::optional<double> speedup_of_try() {
    SecondsWork asked{.number = try_number(), .of = request.target->most_tries, .plan = nullptr};
    const std::optional<double> dense = seconds_of_loop(asked);
    if (!dense) {
      return std::nullopt;
    }
    asked.plan = std::make_shared<Plan>(trying->plan);
    const std::optional<double> sparse = seconds_of_loop(std::move(asked));
    return sparse ? std::optional(*dense / *sparse) : std::nullopt;
  }

  void end_tries() {
    const bool is_quality = request.target->wish == Wish::kPsnr;
    const std::string wish = is_quality ? concat("a PSNR of ", request.target->value,
                                                 " dB (measured ", finder->wanted(), ")")
                                        : concat("a speed-up of ", request.target->value);
    require(finder->best().has_value(), ErrorCode::kUnsupported, wish, " was not reached in ",
            tries.size(), " tries; the nearest had ", finder->nearest().measured,
            is_quality ? " dB" : "x");
    best = finder->best();
    stage = Stage::kDone;
  }

  void go_on() {
    switch (stage) {
      case Stage::kClips:
        return next_clip();
      case Stage::kProbes:
        return next_probe();
      case Stage::kCosts:
        return next_costs();
      case Stage::kFirstPlan:
        return first_plan();
      case Stage::kTarget:
        return next_try();
      case Stage::kDone:
        return;
    }
  }

  // ---- answers

  template <typename Work>
  const Work& asked(const char* answer) const {
    require(work && std::holds_alternative<Work>(*work), ErrorCode::kUsage, answer,
            " told, and what is asked for is ", work ? std::visit(AskedText(), *work) : "nothing");
    return std::get<Work>(*work);
  }

  void check_stop() const {
    if (stop.stop_requested()) {
      throw Cancelled();
    }
  }
};

SearchRun::SearchRun(SearchRequest request, std::stop_token stop)
    : impl_(std::make_unique<Impl>(std::move(request), std::move(stop))) {}
SearchRun::~SearchRun() = default;
SearchRun::SearchRun(SearchRun&&) noexcept = default;
SearchRun& SearchRun::operator=(SearchRun&&) noexcept = default;

std::optional<SearchWork> SearchRun::next() {
  while (!impl_->work && impl_->stage != Impl::Stage::kDone) {
    impl_->check_stop();
    impl_->go_on();
  }
  impl_->check_stop();
  return impl_->work;
}

std::shared_ptr<Profiler> SearchRun::profiler(const TokenLayout& layout) {
  impl_->asked<ClipWork>("a clip's layout is");
  return impl_->clips.profiler(layout);
}

void SearchRun::finish_unit(std::int32_t t_index, double seconds) {
  impl_->asked<ClipWork>("a unit is");
  impl_->clips.finish_unit(t_index, seconds);
}

void SearchRun::clip_made() {
  impl_->clips.clip_made(impl_->asked<ClipWork>("a clip is"));
  impl_->work.reset();
}

void SearchRun::costs_measured(CostTable table) {
  const CostWork& asked = impl_->asked<CostWork>("times of candidates are");
  const std::size_t count = asked.profile->candidates.size();
  require(table.milliseconds.size() == count, ErrorCode::kUsage,
          "times of candidates: ", table.milliseconds.size(), " for ", count);
  for (std::size_t i = 0; i < count; ++i) {
    require(std::isfinite(table.milliseconds[i]) && table.milliseconds[i] > 0.0, ErrorCode::kUsage,
            "times of candidates: candidate ", i, " takes ", table.milliseconds[i], " ms");
  }
  require(!table.device.empty(), ErrorCode::kUsage, "times of candidates: of no device");
  table.layout = asked.profile->layout;
  impl_->keep(table);
  impl_->take_costs(std::move(table));
  impl_->work.reset();
}

void SearchRun::quality_measured(double psnr_db) {
  const QualityWork& asked = impl_->asked<QualityWork>("a PSNR is");
  require(psnr_db >= 0.0, ErrorCode::kUsage, "PSNR: ", psnr_db, " dB is no figure of two clips");
  const std::string key = impl_->quality_key(asked);
  // A driver may have kept it, with more beside it.
  if (kept_psnr_db(impl_->kept, key) != psnr_db) {
    keep_psnr_db(impl_->kept, key, psnr_db);
  }
  impl_->figures[key] = psnr_db;
  impl_->work.reset();
}

void SearchRun::seconds_measured(double seconds) {
  const SecondsWork& asked = impl_->asked<SecondsWork>("seconds are");
  require(std::isfinite(seconds) && seconds > 0.0, ErrorCode::kUsage,
          "seconds of a loop: ", seconds, " is no time");
  const std::string key = impl_->seconds_key(asked);
  impl_->kept.put_number(key, seconds);
  impl_->figures[key] = seconds;
  impl_->work.reset();
}

const std::vector<SearchTry>& SearchRun::tries() const { return impl_->tries; }

double SearchRun::wanted() const { return impl_->finder ? impl_->finder->wanted() : 0.0; }

bool SearchRun::take_best() {
  if (!impl_->finder || !impl_->finder->best()) {
    return false;
  }
  impl_->best = impl_->finder->best();
  impl_->stage = Impl::Stage::kDone;
  impl_->work.reset();
  return true;
}

double SearchRun::seconds() const { return impl_->clips.spent().total(); }

double SearchRun::seconds_elsewhere() const { return impl_->clips.spent().elsewhere(); }

SolveResult SearchRun::result(const Provenance& told) const {
  require(impl_->stage == Impl::Stage::kDone, ErrorCode::kUsage,
          "a search has no plan while it asks for ",
          impl_->work ? std::visit(AskedText(), *impl_->work) : "something");
  const std::optional<SearchTarget>& target = impl_->request.target;
  SolveResult found =
      target ? impl_->solved[*impl_->best] : impl_->solve_within(impl_->request.solve.budget);
  if (target) {
    found.plan.budget = Budget{.goal = target->wish == Wish::kPsnr ? Goal::kPsnr : Goal::kSpeedup,
                               .value = target->value,
                               .density = found.density};
  }
  for (const auto& [name, text] : told) {
    found.plan.provenance[name] = text;
  }
  return found;
}

const std::vector<MeasuredPlan>& SearchRun::measured() const { return impl_->measured; }

}  // namespace twill::search
