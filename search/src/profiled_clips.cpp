// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "profiled_clips.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "twill/plan/error.h"
#include "twill/plan/plan_view.h"
#include "twill/plan/text_hash.h"
#include "twill/search/candidates.h"

namespace twill::search {
namespace {

constexpr std::int32_t kMapSize = 52;

std::string grid_text(const TokenLayout& layout) {
  return concat(layout.frames, "x", layout.rows, "x", layout.cols, " tokens after ", layout.prefix,
                " and before ", layout.suffix);
}

std::string key_of(const SearchRequest& request) {
  std::string all = concat(request.clip_key, " map ",
                           request.map_size ? std::to_string(*request.map_size) : "open",
                           request.stripes ? " stripes" : "", " points ", request.points,
                           request.whole_clips ? " whole clips" : "", request.int8 ? " int8" : "");
  for (std::size_t i = 0; i < request.prompts.size(); ++i) {
    all += concat("\n", request.seeds[i], " ", request.prompts[i]);
  }
  return hex(hash_text(all));
}

}  // namespace

ProfiledClips::ProfiledClips(const SearchRequest& request, std::stop_token stop)
    : request_(request),
      stop_(std::move(stop)),
      kept_(request.work / "kept"),
      spent_(kept_),
      key_(key_of(request)),
      purpose_(with_stripes() ? ClipWork::Purpose::kMaps : ClipWork::Purpose::kProfile),
      layout_(request.layout) {}

std::optional<ClipWork> ProfiledClips::next() {
  if (of_maps()) {
    if (!layout_) {
      remember_layout();
    }
    if (std::optional<ClipWork> clip = clip_of_prompt(); !clip->shown.empty()) {
      return clip;
    }
    take_stripes();
  }
  for (; prompt_ < std::ssize(request_.prompts); ++prompt_) {
    std::optional<ClipWork> clip = clip_of_prompt();
    if (!clip->shown.empty() || request_.whole_clips) {
      return clip;
    }
  }
  return std::nullopt;
}

Profile ProfiledClips::finish() {
  Profile profile = profiler_->finish();
  profiler_.reset();
  return profile;
}

void ProfiledClips::begin_along(std::shared_ptr<const Plan> plan) {
  trajectory_ = std::move(plan);
  purpose_ = ClipWork::Purpose::kTrajectory;
  prompt_ = 0;
}

std::shared_ptr<Profiler> ProfiledClips::profiler(const TokenLayout& layout) {
  take_layout(layout);
  if (!profiler_) {
    make_profiler();
  }
  return profiler_;
}

void ProfiledClips::finish_unit(std::int32_t t_index, double seconds) {
  require(profiler_ != nullptr, ErrorCode::kUsage, "unit ", t_index,
          " is told before the layout of its clip");
  require(std::isfinite(seconds) && seconds >= 0.0, ErrorCode::kUsage,
          "seconds of a unit: ", seconds, " is no time");
  // Before the unit itself: wherever a kill falls, a unit that is kept has its seconds.
  spent_.add(unit(t_index), seconds);
  profiler_->finish_unit(t_index, prompt_);
}

void ProfiledClips::clip_made(const ClipWork& clip) {
  for (const ShownStep& each : clip.shown) {
    require(profiler_ && profiler_->done(each.t_index, prompt_), ErrorCode::kUsage,
            "the clip of prompt ", prompt_ + 1, " is made, and step ", each.step + 1, " at t ",
            clip.t[static_cast<std::size_t>(each.step)], " was not shown");
  }
  if (!of_maps()) {
    ++prompt_;
  }
}

std::int32_t ProfiledClips::map_size() const {
  return request_.map_size.value_or(std::min(kMapSize, layout_->tokens()));
}

std::string ProfiledClips::folder() const {
  switch (purpose_) {
    case ClipWork::Purpose::kMaps:
      return concat("maps-", key_);
    case ClipWork::Purpose::kProfile:
      return concat("profile-", key_);
    case ClipWork::Purpose::kTrajectory:
      break;
  }
  return concat("profile-", key_, "-", fingerprint(*trajectory_));
}

std::string ProfiledClips::unit(std::int32_t t_index) const {
  return concat(folder(), " prompt ", prompt_, " step ", t_index);
}

std::string ProfiledClips::layout_key() const { return concat("layout of the clips ", key_); }

std::vector<double> ProfiledClips::profiled_t() const {
  if (of_maps()) {
    return request_.maps_run.t;
  }
  std::vector<double> t;
  for (const std::int32_t step : profiled_steps(request_.run.t, request_.points)) {
    t.push_back(request_.run.t[static_cast<std::size_t>(step)]);
  }
  return t;
}

std::vector<ShownStep> ProfiledClips::wanted_steps() const {
  const bool whole = request_.whole_clips && !of_maps();
  const std::vector<std::int32_t> steps =
      whole ? profiled_steps(request_.run.t, request_.points) : std::vector<std::int32_t>();
  std::vector<ShownStep> wanted(profiled_t().size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto t_index = static_cast<std::int32_t>(i);
    wanted[i] = {.step = whole ? steps[i] : t_index, .t_index = t_index};
  }
  return wanted;
}

// Without those that are kept, whose seconds are counted.
std::vector<ShownStep> ProfiledClips::missing_steps() {
  std::vector<ShownStep> missing;
  for (const ShownStep& each : wanted_steps()) {
    if (profiler_->done(each.t_index, prompt_)) {
      spent_.count(unit(each.t_index));
    } else {
      missing.push_back(each);
    }
  }
  return missing;
}

std::optional<ClipWork> ProfiledClips::clip_of_prompt() {
  if (layout_ && !profiler_) {
    make_profiler();
  }
  return ClipWork{.purpose = purpose_,
                  .prompt = prompt_,
                  .seed = request_.seeds[static_cast<std::size_t>(prompt_)],
                  .t = request_.whole_clips && !of_maps() ? request_.run.t : profiled_t(),
                  .shown = layout_ ? missing_steps() : wanted_steps(),
                  .plan = trajectory_};
}

void ProfiledClips::take_stripes() {
  const std::vector<float> maps = profiler_->mean_maps();
  const std::int32_t size = map_size();
  stripes_ =
      stripe_candidates(maps, static_cast<std::int32_t>(maps.size()) / size / size, size, *layout_);
  profiler_.reset();
  purpose_ = ClipWork::Purpose::kProfile;
}

void ProfiledClips::make_profiler() {
  const auto prompts = of_maps() ? std::ptrdiff_t{1} : std::ssize(request_.prompts);
  ProfilerOptions options{.model = request_.model,
                          .layout = *layout_,
                          .candidates = {dense()},
                          .t = profiled_t(),
                          .prompts = {request_.prompts.begin(), request_.prompts.begin() + prompts},
                          .seeds = {request_.seeds.begin(), request_.seeds.begin() + prompts},
                          .map_size = map_size(),
                          .threads = request_.threads,
                          .folder = request_.work / folder(),
                          .run = of_maps() ? request_.maps_run : request_.run,
                          .expert_boundary = request_.expert_boundary,
                          .provenance = request_.provenance};
  if (!of_maps()) {
    options.candidates = candidate_patterns(*layout_, {.stripes = stripes_});
    options.int8 = request_.int8;
    options.provenance["stripes"] = with_stripes() ? "measured" : "none";
  }
  if (trajectory_) {
    options.provenance["trajectory"] = concat("of the plan ", fingerprint(*trajectory_));
  }
  profiler_ = std::make_shared<Profiler>(std::move(options), stop_);
}

// That an earlier process was told, so that kept maps are known before a clip is made.
void ProfiledClips::remember_layout() {
  const std::optional<std::vector<double>> found = kept_.numbers(layout_key(), 5);
  if (!found) {
    return;
  }
  std::vector<std::int32_t> sizes;
  for (const double value : *found) {
    sizes.push_back(static_cast<std::int32_t>(std::clamp(value, -1.0, 1e9)));
  }
  const TokenLayout remembered{.prefix = sizes[0],
                               .frames = sizes[1],
                               .rows = sizes[2],
                               .cols = sizes[3],
                               .suffix = sizes[4]};
  try {
    check_layout(remembered);
  } catch (const Error&) {
    return;
  }
  layout_ = remembered;
  layout_is_remembered_ = true;
}

void ProfiledClips::take_layout(const TokenLayout& told) {
  if (layout_ == told) {
    layout_is_remembered_ = false;
    return;
  }
  require(!layout_ || (layout_is_remembered_ && of_maps()), ErrorCode::kModel, "the clip has ",
          grid_text(told), ", and the clips before it had ", grid_text(layout_.value_or(told)));
  check_layout(told);
  layout_ = told;
  layout_is_remembered_ = false;
  profiler_.reset();
  kept_.put_numbers(layout_key(), {double(told.prefix), double(told.frames), double(told.rows),
                                   double(told.cols), double(told.suffix)});
}

}  // namespace twill::search
