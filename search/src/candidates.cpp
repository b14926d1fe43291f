// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/candidates.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "tile_key.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"

namespace twill::search {
namespace {

constexpr std::int32_t kLeastMost = 8;
constexpr std::int32_t kMostMost = 512;
// Radii as fractions of an axis. Small grids round several to one radius; equal tiles go.
constexpr std::array kRadii{0.0, 0.03125, 0.0625, 0.125, 0.1875, 0.25, 0.375, 0.5};

KeyBox frame_box(std::int32_t begin, std::int32_t end) {
  return {.frame_begin = begin, .frame_end = end};
}

struct Draft {
  Pattern pattern;
  double density = 0.0;
};

// One shape in several sizes, the most generous last. `share`: of the places that
// candidate_patterns has to give.
struct Family {
  double share = 0.0;
  std::vector<Pattern> patterns;
};

// Radii of frames that a clip of so many tells apart.
std::vector<std::int32_t> frame_radii(std::int32_t frames) {
  std::vector<std::int32_t> radii;
  for (const std::int32_t radius : {0, 1, 2, 3, 4, 6, 8, 12, 16, 24}) {
    if (radius == 0 || 2 * radius + 1 < 2 * frames - 1) {
      radii.push_back(radius);
    }
  }
  radii.push_back(kAllFrames);
  return radii;
}

Family diagonals(const TokenLayout& layout) {
  Family family{.share = 0.10, .patterns = {}};
  for (double density = 0.02; density < 0.95; density *= 1.22) {
    // A band of radius r covers 1 - (1 - r / n)^2 of an n x n square.
    const double reach = (1.0 - std::sqrt(1.0 - density)) * layout.frames;
    family.patterns.push_back(
        make_pattern(Diagonal{.reach = std::max(0.05, std::round(reach * 20.0) / 20.0)}));
  }
  return family;
}

std::vector<Family> multi_diagonals(const TokenLayout& layout) {
  std::vector<Family> families;
  for (const std::int32_t frames : {kAllFrames, 8, 4, 2, 1}) {
    if (frames != kAllFrames && frames >= layout.frames) {
      continue;
    }
    Family family{.share = frames == kAllFrames ? 0.06 : 0.025, .patterns = {}};
    for (const double radius : kRadii) {
      family.patterns.push_back(
          make_pattern(MultiDiagonal{.frames = frames, .rows = 0.0, .cols = radius}));
      family.patterns.push_back(
          make_pattern(MultiDiagonal{.frames = frames, .rows = radius, .cols = 0.0}));
    }
    families.push_back(std::move(family));
  }
  return families;
}

// Boxes as high as wide, whole rows, whole columns and whole frames around the query.
std::vector<Family> windows(const TokenLayout& layout) {
  std::vector<Family> families;
  const std::vector<std::int32_t> radii = frame_radii(layout.frames);
  Family rows{.share = 0.07, .patterns = {}}, cols{.share = 0.05, .patterns = {}},
      whole{.share = 0.04, .patterns = {}};
  for (const std::int32_t frames : radii) {
    Family boxes{.share = 0.24 / static_cast<double>(radii.size()), .patterns = {}};
    for (const double radius : kRadii) {
      boxes.patterns.push_back(
          make_pattern(Window{.frames = frames, .rows = radius, .cols = radius}));
      rows.patterns.push_back(make_pattern(Window{.frames = frames, .rows = radius, .cols = 1.0}));
      cols.patterns.push_back(make_pattern(Window{.frames = frames, .rows = 1.0, .cols = radius}));
    }
    whole.patterns.push_back(make_pattern(Window{.frames = frames, .rows = 1.0, .cols = 1.0}));
    families.push_back(std::move(boxes));
  }
  std::reverse(families.begin(), families.end());  // equal tiles are those of the wider one
  families.push_back(std::move(rows));
  families.push_back(std::move(cols));
  families.push_back(std::move(whole));
  return families;
}

// A few frames back and a few forth, but not the own one.
Family pairs(const TokenLayout& layout) {
  Family family{.share = 0.09, .patterns = {}};
  for (const std::int32_t away : {1, 2, 3, 4, 6, 8}) {
    for (const std::int32_t frames : {0, 1, 2}) {
      if (away >= layout.frames || frames >= away) {
        continue;
      }
      for (const double radius : {0.0, 0.0625, 0.125, 0.25, 1.0}) {
        const auto at = [&](std::int32_t offset) {
          return Window{.frames = frames, .rows = radius, .cols = radius, .offset_frames = offset};
        };
        family.patterns.push_back(make_union({at(-away), at(away)}));
      }
    }
  }
  return family;
}

Family log_decays(const TokenLayout& layout) {
  return {.share = 0.08, .patterns = log_decay_patterns(layout)};
}

std::vector<VerticalStripe> plain_stripes(const TokenLayout& layout) {
  const std::int32_t frames = layout.frames;
  std::vector<VerticalStripe> stripes;
  for (const std::int32_t count : {1, 2, 3, 4, 6, 8}) {
    if (count >= frames) {
      continue;
    }
    stripes.push_back({{frame_box(0, count)}});
    if (2 * count < frames) {
      stripes.push_back({{frame_box(0, count), frame_box(-count, kAllFrames)}});
    }
  }
  for (const double margin : {0.375, 0.25, 0.125}) {
    stripes.push_back({{{.frame_begin = 0,
                         .frame_end = kAllFrames,
                         .row_begin = margin,
                         .row_end = 1.0 - margin,
                         .col_begin = margin,
                         .col_end = 1.0 - margin}}});
  }
  for (const double share : {0.125, 0.25, 0.5}) {
    stripes.push_back({{{.frame_begin = 0, .frame_end = kAllFrames, .row_end = share}}});
    stripes.push_back({{{.frame_begin = 0, .frame_end = kAllFrames, .row_begin = 1.0 - share}}});
  }
  return stripes;
}

// What lies near the query, in frames, place or both, from sparse to dense.
std::vector<SimplePattern> cores(const TokenLayout& layout) {
  std::vector<SimplePattern> parts;
  for (const double share : {0.03, 0.06, 0.12, 0.2}) {
    parts.push_back(
        Diagonal{.reach = std::max(0.05, std::round(share * layout.frames * 20.0) / 20.0)});
  }
  for (const double radius : {0.0, 0.0625, 0.125, 0.25}) {
    parts.push_back(MultiDiagonal{.frames = kAllFrames, .rows = 0.0, .cols = radius});
    for (const std::int32_t frames : {0, 1, 2, 4}) {
      if (frames < layout.frames) {
        parts.push_back(Window{.frames = frames, .rows = radius, .cols = radius});
      }
    }
  }
  return parts;
}

std::vector<Family> unions(const TokenLayout& layout, const std::vector<VerticalStripe>& stripes) {
  Family with_first{.share = 0.07, .patterns = {}}, with_measured{.share = 0.09, .patterns = {}},
      crosses{.share = 0.08, .patterns = {}};
  const std::vector<SimplePattern> near = cores(layout);
  for (const SimplePattern& part : near) {
    with_first.patterns.push_back(make_union({part, VerticalStripe{{frame_box(0, 1)}}}));
    for (const VerticalStripe& stripe : stripes) {
      with_measured.patterns.push_back(make_union({part, stripe}));
    }
  }
  for (const double share : {0.06, 0.12, 0.2, 0.3}) {
    const Diagonal diagonal{.reach = std::round(share * layout.frames * 20.0) / 20.0};
    const Window frame{
        .frames = static_cast<std::int32_t>(share * layout.frames / 2.0), .rows = 1.0, .cols = 1.0};
    for (const double radius : {0.0, 0.0625, 0.125}) {
      const MultiDiagonal places{.frames = kAllFrames, .rows = 0.0, .cols = radius};
      const Window tube{.frames = kAllFrames, .rows = radius, .cols = radius};
      crosses.patterns.push_back(make_union({diagonal, places}));
      crosses.patterns.push_back(make_union({frame, tube}));
    }
  }
  return {std::move(with_first), std::move(with_measured), std::move(crosses)};
}

// Drops what is too sparse, too dense or computes the same tiles as something before it. A tile is
// computed whole, so what a head's error is measured on depends on the token order, which the
// compiler would choose anew at another size: candidates name the order that they were measured in.
// Of those of one family that compute the same tiles the last, most generous one is nearest to
// that: at another size it keeps what its tiles held here.
class Sieve {
 public:
  Sieve(const TokenLayout& layout, const CandidateOptions& options)
      : layout_(layout),
        options_(options),
        dense_tiles_(static_cast<double>(dense_tiles(layout))) {}

  std::vector<Draft> pass(const std::vector<Pattern>& patterns) {
    std::map<std::vector<std::int32_t>, Draft> passed;
    for (const Pattern& pattern : patterns) {
      const TileList list = compile_pattern(pattern, layout_);
      const double density = static_cast<double>(list.tiles) / dense_tiles_;
      if (density < options_.least_density || density > options_.most_density) {
        continue;
      }
      std::vector<std::int32_t> key = tile_key(list);
      if (!seen_.contains(key)) {
        Draft draft{.pattern = pattern, .density = density};
        draft.pattern.order = list.order;
        passed.insert_or_assign(std::move(key), std::move(draft));
      }
    }
    std::vector<Draft> drafts;
    for (auto& [key, draft] : passed) {
      drafts.push_back(std::move(draft));
      seen_.insert(key);
    }
    std::stable_sort(drafts.begin(), drafts.end(),
                     [](const Draft& a, const Draft& b) { return a.density < b.density; });
    return drafts;
  }

 private:
  TokenLayout layout_;
  const CandidateOptions& options_;
  double dense_tiles_ = 0.0;
  std::set<std::vector<std::int32_t>> seen_;
};

// `count` of them, evenly spread over the logarithm of the density; those taken are removed.
// `drafts` ascend in density.
std::vector<Draft> take_spread(std::vector<Draft>& drafts, std::size_t count) {
  std::vector<bool> taken(drafts.size(), false);
  std::vector<Draft> chosen, rest;
  const std::size_t wanted = std::min(count, drafts.size());
  for (std::size_t i = 0; i < wanted; ++i) {
    const double share =
        wanted == 1 ? 0.5 : static_cast<double>(i) / static_cast<double>(wanted - 1);
    const double target =
        std::log(drafts.front().density) * (1.0 - share) + std::log(drafts.back().density) * share;
    std::size_t best = drafts.size();
    for (std::size_t j = 0; j < drafts.size(); ++j) {
      if (!taken[j] &&
          (best == drafts.size() || std::abs(std::log(drafts[j].density) - target) <
                                        std::abs(std::log(drafts[best].density) - target))) {
        best = j;
      }
    }
    taken[best] = true;
  }
  for (std::size_t j = 0; j < drafts.size(); ++j) {
    (taken[j] ? chosen : rest).push_back(std::move(drafts[j]));
  }
  drafts = std::move(rest);
  return chosen;
}

void check_options(const CandidateOptions& options) {
  require(options.most >= kLeastMost && options.most <= kMostMost, ErrorCode::kUsage,
          "most: ", options.most, " candidates are outside ", kLeastMost, "..", kMostMost);
  require(options.least_density >= 0.0 && options.least_density < options.most_density &&
              options.most_density <= 1.0,
          ErrorCode::kUsage, "least_density ", options.least_density, " and most_density ",
          options.most_density, " are not ascending within 0..1");
  for (std::size_t i = 0; i < options.stripes.size(); ++i) {
    check_pattern(make_pattern(options.stripes[i]), concat("stripes[", i, "]"));
  }
}

}  // namespace

std::vector<Pattern> log_decay_patterns(const TokenLayout& layout) {
  std::vector<Pattern> patterns;
  for (const double rows : {0.0625, 0.125, 0.1875, 0.25, 0.375, 0.5, 0.75, 1.0}) {
    std::vector<SimplePattern> parts;
    // Frames 0 and 1 away, 2 and 3, 4 to 7, ...
    for (std::int32_t reach = 1, halvings = 0;; reach = 2 * reach + 1, ++halvings) {
      // A union has two parts at least. The last ring has no end, for clips that are longer.
      const bool last = reach >= layout.frames - 1 && !parts.empty();
      parts.push_back(
          MultiDiagonal{.frames = last ? kAllFrames : reach, .rows = std::ldexp(rows, -halvings)});
      if (last) {
        break;
      }
    }
    patterns.push_back(make_union(parts));
    parts.push_back(VerticalStripe{{frame_box(0, 1)}});
    patterns.push_back(make_union(std::move(parts)));
  }
  return patterns;
}

std::vector<Pattern> candidate_patterns(const TokenLayout& layout,
                                        const CandidateOptions& options) {
  check_layout(layout);
  check_options(options);
  Sieve sieve(layout, options);
  std::vector<Pattern> measured;
  for (const VerticalStripe& stripe : options.stripes) {
    measured.push_back(make_pattern(stripe));
  }
  std::vector<Pattern> plain;
  for (VerticalStripe& stripe : plain_stripes(layout)) {
    plain.push_back(make_pattern(std::move(stripe)));
  }

  std::vector<Family> families{diagonals(layout)};
  const auto add = [&](std::vector<Family> more) {
    std::move(more.begin(), more.end(), std::back_inserter(families));
  };
  add(multi_diagonals(layout));
  add(windows(layout));
  add({pairs(layout), log_decays(layout), Family{.share = 0.07, .patterns = std::move(plain)}});
  add(unions(layout, options.stripes));

  std::vector<Pattern> chosen{dense(), skip(), mean()};
  const auto places = [&] {
    return static_cast<std::size_t>(options.most) -
           std::min<std::size_t>(options.most, chosen.size());
  };
  const auto choose = [&](std::vector<Draft> drafts) {
    for (Draft& draft : drafts) {
      if (places() > 0) {
        chosen.push_back(std::move(draft.pattern));
      }
    }
  };
  choose(sieve.pass(measured));
  const double to_give = static_cast<double>(places());
  std::vector<Draft> rest;
  for (const Family& family : families) {
    std::vector<Draft> drafts = sieve.pass(family.patterns);
    choose(take_spread(drafts, static_cast<std::size_t>(std::lround(family.share * to_give))));
    std::move(drafts.begin(), drafts.end(), std::back_inserter(rest));
  }
  // Places that some families could not fill.
  std::stable_sort(rest.begin(), rest.end(),
                   [](const Draft& a, const Draft& b) { return a.density < b.density; });
  choose(take_spread(rest, places()));
  return chosen;
}

}  // namespace twill::search
