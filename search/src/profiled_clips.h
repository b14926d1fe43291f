// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The clips of a search that are shown to a profiler: one for its attention maps, which say what
// stripes are candidates, and one of each prompt.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "twill/plan/profile.h"
#include "twill/search/kept_values.h"
#include "twill/search/search_run.h"

namespace twill::search {

class ProfiledClips {
 public:
  // Refers to the request.
  ProfiledClips(const SearchRequest& request, std::stop_token stop);

  // What is to be made now; nothing: all are, and finish() has the profile.
  std::optional<ClipWork> next();
  Profile finish();
  // Once more with the same candidates, while `plan` runs.
  void begin_along(std::shared_ptr<const Plan> plan);

  // Of the clip that next() gave. As SearchRun's.
  std::shared_ptr<Profiler> profiler(const TokenLayout& layout);
  void finish_unit(std::int32_t t_index, double seconds);
  void clip_made(const ClipWork& clip);

  // A hash of all that decides what is measured of dense clips.
  const std::string& key() const { return key_; }
  const KeptSeconds& spent() const { return spent_; }

 private:
  bool with_stripes() const { return request_.stripes && request_.map_size != 0; }
  bool of_maps() const { return purpose_ == ClipWork::Purpose::kMaps; }
  std::int32_t map_size() const;
  std::string folder() const;
  std::string unit(std::int32_t t_index) const;
  std::string layout_key() const;
  std::vector<double> profiled_t() const;
  std::vector<ShownStep> wanted_steps() const;
  std::vector<ShownStep> missing_steps();
  std::optional<ClipWork> clip_of_prompt();
  void take_stripes();
  void make_profiler();
  void remember_layout();
  void take_layout(const TokenLayout& told);

  const SearchRequest& request_;
  std::stop_token stop_;
  KeptValues kept_;
  KeptSeconds spent_;
  std::string key_;

  ClipWork::Purpose purpose_;
  std::int32_t prompt_ = 0;
  std::optional<TokenLayout> layout_;
  bool layout_is_remembered_ = false;  // and not yet told by this process's driver
  std::vector<VerticalStripe> stripes_;
  std::shared_ptr<const Plan> trajectory_;
  std::shared_ptr<Profiler> profiler_;
};

}  // namespace twill::search
