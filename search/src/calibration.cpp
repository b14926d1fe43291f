// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/calibration.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/plan_facts.h"

namespace twill::search {
namespace {

using nlohmann::json;

// Mean ranks from 0.
std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) {
      ++end;
    }
    for (std::size_t i = begin; i < end; ++i) {
      ranks[order[i]] = static_cast<double>(begin + end - 1) / 2.0;
    }
    begin = end;
  }
  return ranks;
}

// Symmetric positive semi-definite systems by elimination with diagonal pivots; unknowns without a
// pivot stay 0.
std::vector<double> solve_symmetric(std::vector<double> a, std::vector<double> b) {
  const std::size_t n = b.size();
  double largest = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    largest = std::max(largest, a[i * n + i]);
  }
  std::vector<std::size_t> pivots;
  std::vector<bool> used(n, false);
  for (std::size_t step = 0; step < n; ++step) {
    std::size_t pivot = n;
    for (std::size_t i = 0; i < n; ++i) {
      if (!used[i] && (pivot == n || a[i * n + i] > a[pivot * n + pivot])) {
        pivot = i;
      }
    }
    if (a[pivot * n + pivot] <= largest * 1e-12) {
      break;
    }
    used[pivot] = true;
    pivots.push_back(pivot);
    for (std::size_t i = 0; i < n; ++i) {
      const double factor = a[i * n + pivot] / a[pivot * n + pivot];
      if (i == pivot || factor == 0.0) {
        continue;
      }
      for (std::size_t j = 0; j < n; ++j) {
        a[i * n + j] -= factor * a[pivot * n + j];
      }
      b[i] -= factor * b[pivot];
    }
  }
  std::vector<double> x(n, 0.0);
  for (const std::size_t pivot : pivots) {
    x[pivot] = b[pivot] / a[pivot * n + pivot];
  }
  return x;
}

void check_probes(const std::vector<Probe>& probes, std::size_t bins) {
  require(!probes.empty(), ErrorCode::kUsage, "calibration: no probe");
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const Probe& probe = probes[i];
    require(probe.error_by_time.size() == bins, ErrorCode::kUsage, "probe ", i, ": ",
            probe.error_by_time.size(), " bins of t, not ", bins);
    require(std::isfinite(probe.clip_mse) && probe.clip_mse > 0.0, ErrorCode::kUsage, "probe ", i,
            ": clip MSE ", probe.clip_mse, " is not a finite number above 0");
    for (const double error : probe.error_by_time) {
      require(std::isfinite(error) && error >= 0.0, ErrorCode::kUsage, "probe ", i,
              ": predicted error ", error, " is not a finite number of at least 0");
    }
  }
}

}  // namespace

double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  TWILL_ASSERT(a.size() == b.size());
  const std::vector<double> ranks_a = ranks_of(a);
  const std::vector<double> ranks_b = ranks_of(b);
  const double middle = (static_cast<double>(a.size()) - 1.0) / 2.0;
  double aa = 0.0, bb = 0.0, ab = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += (ranks_a[i] - middle) * (ranks_a[i] - middle);
    bb += (ranks_b[i] - middle) * (ranks_b[i] - middle);
    ab += (ranks_a[i] - middle) * (ranks_b[i] - middle);
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : 0.0;
}

std::vector<double> non_negative_least_squares(const std::vector<double>& a,
                                               const std::vector<double>& b, std::size_t columns) {
  TWILL_ASSERT(columns > 0 && a.size() == b.size() * columns);
  std::vector<double> normal(columns * columns), right(columns);
  for (std::size_t row = 0; row < b.size(); ++row) {
    const double* values = a.data() + row * columns;
    for (std::size_t i = 0; i < columns; ++i) {
      right[i] += values[i] * b[row];
      for (std::size_t j = 0; j < columns; ++j) {
        normal[i * columns + j] += values[i] * values[j];
      }
    }
  }
  std::vector<double> x(columns, 0.0);
  std::vector<bool> free(columns, false);
  const double tolerance =
      1e-12 * *std::max_element(right.begin(), right.end(),
                                [](double p, double q) { return std::abs(p) < std::abs(q); });
  const auto solve_free = [&] {
    std::vector<std::size_t> at;
    for (std::size_t i = 0; i < columns; ++i) {
      if (free[i]) {
        at.push_back(i);
      }
    }
    std::vector<double> part(at.size() * at.size()), part_right(at.size());
    for (std::size_t i = 0; i < at.size(); ++i) {
      part_right[i] = right[at[i]];
      for (std::size_t j = 0; j < at.size(); ++j) {
        part[i * at.size() + j] = normal[at[i] * columns + at[j]];
      }
    }
    const std::vector<double> solved = solve_symmetric(std::move(part), std::move(part_right));
    std::vector<double> all(columns, 0.0);
    for (std::size_t i = 0; i < at.size(); ++i) {
      all[at[i]] = solved[i];
    }
    return all;
  };
  // Each round frees the coordinate that the error falls fastest along; a round that ends where it
  // began would go on for ever, so their number is bounded.
  for (std::size_t round = 0; round < 8 * columns; ++round) {
    std::size_t best = columns;
    double steepest = std::abs(tolerance);
    for (std::size_t i = 0; i < columns; ++i) {
      double slope = right[i];
      for (std::size_t j = 0; j < columns; ++j) {
        slope -= normal[i * columns + j] * x[j];
      }
      if (!free[i] && slope > steepest) {
        steepest = slope;
        best = i;
      }
    }
    if (best == columns) {
      break;
    }
    free[best] = true;
    for (;;) {
      const std::vector<double> wanted = solve_free();
      double step = 1.0;
      for (std::size_t i = 0; i < columns; ++i) {
        if (free[i] && wanted[i] <= 0.0 && x[i] - wanted[i] > 0.0) {
          step = std::min(step, x[i] / (x[i] - wanted[i]));
        }
      }
      bool blocked = false;
      for (std::size_t i = 0; i < columns; ++i) {
        x[i] += step * (wanted[i] - x[i]);
        if (free[i] && wanted[i] <= 0.0 && x[i] <= 0.0) {
          x[i] = 0.0;
          free[i] = false;
          blocked = true;
        }
      }
      if (!blocked) {
        break;
      }
    }
  }
  return x;
}

Calibration calibrate(const std::vector<Probe>& probes, const std::vector<double>& edges,
                      const CalibrationOptions& options) {
  require(edges.size() >= 2 && std::is_sorted(edges.begin(), edges.end()) && edges.front() >= 0.0 &&
              edges.back() <= 1.0 && std::adjacent_find(edges.begin(), edges.end()) == edges.end(),
          ErrorCode::kUsage, "calibration: the ", edges.size(),
          " edges are not two or more ascending ones within 0..1");
  require(std::isfinite(options.prior_probes) && options.prior_probes >= 0.0, ErrorCode::kUsage,
          "prior_probes: ", options.prior_probes, " is not a finite number of at least 0");
  check_time_weight(options.prior);
  const std::size_t bins = edges.size() - 1;
  check_probes(probes, bins);

  Calibration result;
  std::vector<double> prior;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    result.weight.t.push_back((edges[bin] + edges[bin + 1]) / 2.0);
    prior.push_back(weight_at(options.prior, result.weight.t.back()));
  }
  // The prior only says how weights compare; its scale is the probes' median.
  std::vector<double> scales;
  for (const Probe& probe : probes) {
    const double predicted =
        std::inner_product(prior.begin(), prior.end(), probe.error_by_time.begin(), 0.0);
    if (predicted > 0.0) {
      scales.push_back(probe.clip_mse / predicted);
    }
  }
  require(!scales.empty(), ErrorCode::kUsage,
          "calibration: no probe is predicted to have any error");
  std::nth_element(scales.begin(), scales.begin() + static_cast<std::ptrdiff_t>(scales.size() / 2),
                   scales.end());
  const double scale = scales[scales.size() / 2];

  // Unknowns are weights over the scaled prior, so that they are of one size.
  std::vector<double> a, b;
  for (const Probe& probe : probes) {
    for (std::size_t bin = 0; bin < bins; ++bin) {
      a.push_back(probe.error_by_time[bin] * prior[bin] * scale / probe.clip_mse);
    }
    b.push_back(1.0);
  }
  const double held = std::sqrt(options.prior_probes / static_cast<double>(bins));
  for (std::size_t bin = 0; bin < bins && held > 0.0; ++bin) {
    for (std::size_t other = 0; other < bins; ++other) {
      a.push_back(other == bin ? held : 0.0);
    }
    b.push_back(held);
  }
  const std::vector<double> factors = non_negative_least_squares(a, b, bins);
  std::vector<double> predicted, measured;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    result.weight.weight.push_back(factors[bin] * prior[bin] * scale);
  }
  for (const Probe& probe : probes) {
    predicted.push_back(std::inner_product(result.weight.weight.begin(), result.weight.weight.end(),
                                           probe.error_by_time.begin(), 0.0));
    measured.push_back(probe.clip_mse);
  }
  result.rank_correlation = rank_correlation(predicted, measured);
  return result;
}

std::vector<double> stretch_edges(const std::vector<double>& step_t, std::int32_t bins) {
  const std::size_t steps = step_t.size();
  const std::size_t count = std::min(static_cast<std::size_t>(bins), steps);
  std::vector<double> edges{0.0};
  for (std::size_t bin = count - 1; bin > 0; --bin) {
    const std::size_t first = bin * steps / count;  // of the stretch below
    edges.push_back((step_t[first - 1] + step_t[first]) / 2);
  }
  edges.push_back(1.0);
  return edges;
}

double mse_of(double psnr_db) {
  constexpr double kPeak = 255.0;
  return kPeak * kPeak * std::pow(10.0, -psnr_db / 10.0);
}

TimeWeight time_weight_of(const Profile& profile) {
  if (has_facts(profile)) {
    return profile.time_weight.value_or(default_time_weight());
  }
  const auto found = profile.provenance.find(kTimeWeightKey);
  if (found == profile.provenance.end()) {
    return default_time_weight();
  }
  TimeWeight weight;
  try {
    const json stored = json_tree<json>(found->second, concat("the profile's ", kTimeWeightKey));
    weight = {.t = stored.at("t").get<std::vector<double>>(),
              .weight = stored.at("weight").get<std::vector<double>>()};
  } catch (const json::exception&) {
    throw Error(ErrorCode::kFile,
                concat("the profile's ", kTimeWeightKey, " is no table of t and weight"));
  }
  check_time_weight(weight);
  return weight;
}

}  // namespace twill::search
