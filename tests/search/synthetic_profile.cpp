// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "search/synthetic_profile.h"

#include <cmath>

#include "twill/plan/compile.h"
#include "twill/search/candidates.h"

namespace twill::test {

double Random::next() {
  std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15ull);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ull;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
  return static_cast<double>((mixed ^ (mixed >> 31)) >> 11) * 0x1.0p-53;
}

std::vector<Pattern> some_candidates(const TokenLayout& layout, std::size_t count) {
  std::vector<Pattern> all = search::candidate_patterns(layout);
  std::vector<Pattern> some(all.begin(), all.begin() + 3);
  const std::size_t rest = all.size() - 3;
  for (std::size_t i = 0; some.size() < count; ++i) {
    some.push_back(all[3 + i * rest / (count - 3)]);
  }
  return some;
}

std::shared_ptr<Profile> synthetic_profile(const ProfileShape& shape,
                                           const std::vector<Pattern>& candidates,
                                           std::uint64_t seed) {
  auto profile = std::make_shared<Profile>();
  profile->model.family = "synthetic";
  profile->model.experts.clear();
  for (std::int32_t expert = 0; expert < shape.experts; ++expert) {
    profile->model.experts.push_back("expert" + std::to_string(expert));
  }
  profile->model.stacks = {{.name = "blocks", .layers = shape.layers, .heads = shape.heads}};
  profile->model.head_dim = 64;
  profile->layout = shape.layout;
  profile->candidates = candidates;
  profile->t = shape.t;
  Random random(seed);
  const double all = static_cast<double>(dense_tiles(shape.layout));
  std::vector<double> density;
  for (const Pattern& pattern : candidates) {
    density.push_back(static_cast<double>(pattern_tiles(pattern, shape.layout)) / all);
  }
  const std::size_t items = profile->model.experts.size() * profile->heads();
  std::vector<double> pace(items), size(items);
  for (std::size_t item = 0; item < items; ++item) {
    pace[item] = 0.5 + 8.0 * random.next();
    size[item] = std::exp(-6.0 * random.next());
  }
  for (const double t : shape.t) {
    for (std::size_t item = 0; item < items; ++item) {
      profile->gain.push_back(
          static_cast<float>(size[item] * (0.5 + t) * (0.8 + 0.4 * random.next())));
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        const double error =
            std::exp(-pace[item] * density[i]) * (1.0 - density[i]) * (0.7 + 0.6 * random.next());
        profile->head_error.push_back(
            candidates[i].kind == PatternKind::kDense ? 0.0f : static_cast<float>(error));
      }
    }
  }
  return profile;
}

}  // namespace twill::test
