// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "gui/made_up_plan.h"

#include <cmath>
#include <numeric>
#include <random>

#include "twill/search/candidates.h"
#include "twill/search/cost.h"

namespace twill::tests {

MadeUp hunyuan_sized() {
  return {.stacks = {{.name = "double_blocks", .layers = 20, .heads = 24},
                     {.name = "single_blocks", .layers = 40, .heads = 24}},
          .layout = {.frames = 33, .rows = 45, .cols = 80, .suffix = 256},
          .candidates = 100,
          .times = 6,
          .map_size = 52};
}

std::shared_ptr<const Profile> make_profile(const MadeUp& of) {
  auto profile = std::make_shared<Profile>();
  profile->model = {
      .family = "made-up", .experts = of.experts, .stacks = of.stacks, .head_dim = 128};
  profile->layout = of.layout;
  profile->candidates = search::candidate_patterns(of.layout, {.most = of.candidates});
  for (std::int32_t i = 0; i < of.times; ++i) {
    profile->t.push_back(1.0 - static_cast<double>(i) / of.times);
  }
  profile->prompts = {"a made-up prompt"};
  profile->seeds = {0};
  profile->provenance = {{"steps", "20"}, {"shift", "3"}, {"sampler", "euler"}};
  if (of.experts.size() == 2) {
    profile->provenance["expert_boundary"] = "0.9";
  }

  const std::size_t heads = profile->heads() * of.experts.size();
  const std::size_t candidates = profile->candidates.size();
  std::mt19937 random(7);
  std::uniform_real_distribution<float> even(0.0F, 1.0F);
  for (std::int32_t t = 0; t < of.times; ++t) {
    for (std::size_t head = 0; head < heads; ++head) {
      profile->gain.push_back(0.05F + even(random));
      const auto liked = static_cast<PatternKind>(3 + head % 4);
      for (std::size_t candidate = 0; candidate < candidates; ++candidate) {
        const PatternKind kind = profile->candidates[candidate].kind;
        const float share = static_cast<float>(candidate) / static_cast<float>(candidates);
        const float noise = 0.8F + 0.4F * even(random);
        float error = (kind == liked ? 0.1F : 0.5F) * (1.0F - 0.9F * share) * noise;
        if (kind == PatternKind::kDense) {
          error = 0.0F;
        } else if (kind == PatternKind::kSkip) {
          error = 1.0F;
        }
        profile->head_error.push_back(error);
      }
    }
  }
  profile->map_size = of.map_size;
  for (std::size_t head = 0; head < heads; ++head) {
    for (std::int32_t query = 0; query < of.map_size; ++query) {
      for (std::int32_t key = 0; key < of.map_size; ++key) {
        const int away = std::abs(query - key);
        const int level = head % 2 == 0 ? 255 - 40 * away : (key % 5 == 0 ? 255 : 20);
        profile->maps.push_back(static_cast<std::uint8_t>(std::max(level, 0)));
      }
    }
  }
  check_profile(*profile);
  return profile;
}

Plan make_plan(const std::shared_ptr<const Profile>& profile, std::int32_t segments) {
  Plan plan;
  plan.name = "made up";
  plan.model = profile->model;
  plan.patterns = profile->candidates;
  plan.profile = profile;
  plan.provenance = profile->provenance;
  const auto heads = static_cast<std::int32_t>(profile->heads());
  for (std::int32_t i = 0; i < segments; ++i) {
    Segment segment{.t_begin = static_cast<double>(i) / segments,
                    .t_end = i + 1 == segments ? 1.0 : static_cast<double>(i + 1) / segments};
    for (std::size_t expert = 0; expert < profile->model.experts.size(); ++expert) {
      auto& of_expert = segment.heads.emplace_back();
      for (std::int32_t head = 0; head < heads; ++head) {
        of_expert.push_back(
            {.pattern = (head * 7 + i) % static_cast<std::int32_t>(plan.patterns.size())});
      }
    }
    plan.segments.push_back(std::move(segment));
  }
  check_plan(plan);
  return plan;
}

}  // namespace twill::tests
