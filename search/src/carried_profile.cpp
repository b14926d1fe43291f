// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/carried_profile.h"

#include <algorithm>
#include <cmath>

#include "twill/plan/error.h"
#include "twill/search/error_model.h"

namespace twill::search {
namespace {

// Added to errors before they are compared: below it one is rounding, or a few cells at the edge of
// a tile.
constexpr double kNoise = 1e-4;
// So many measurements weigh as much as what is expected without any.
constexpr double kPriorMeasurements = 3.0;

// (error + kNoise) at the layout over (error + kNoise) in the profile, for one head and candidate.
class Ratio {
 public:
  void add(double profiled, double expected, double measured) {
    ++count_;
    expected_ += std::log((expected + kNoise) / (profiled + kNoise));
    measured_ += std::log((measured + kNoise) / (profiled + kNoise));
  }
  bool known() const { return count_ > 0.0; }
  double carry(double profiled) const {
    const double trust = count_ / (count_ + kPriorMeasurements);
    const double log_ratio = (trust * measured_ + (1.0 - trust) * expected_) / count_;
    return std::max(0.0, std::exp(log_ratio) * (profiled + kNoise) - kNoise);
  }

 private:
  double count_ = 0.0;
  double expected_ = 0.0, measured_ = 0.0;  // sums of logarithms
};

}  // namespace

Profile carried_profile(const Profile& profile, const TokenLayout& layout,
                        const MeasuredErrors& measured) {
  check_layout(layout);
  const std::size_t experts = profile.model.experts.size();
  const std::size_t heads = experts * profile.heads();
  const std::size_t candidates = profile.candidates.size();
  const std::size_t cells = heads * candidates;
  require(measured.head_error.size() == measured.t.size() * cells, ErrorCode::kUsage,
          "measured: ", measured.head_error.size(), " errors, not ", measured.t.size() * cells);
  const std::vector<double> factors = layout_factors(profile, layout);

  std::vector<Ratio> ratios(cells);
  for (std::size_t i = 0; i < measured.t.size(); ++i) {
    const TimeBlend blend = blend_at(profile.t, measured.t[i]);
    const float* const first = profile.head_error.data() + blend.first * cells;
    const float* const second = profile.head_error.data() + blend.second * cells;
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const auto there = static_cast<double>(measured.head_error[i * cells + cell]);
      if (std::isnan(there)) {
        continue;
      }
      const double profiled = static_cast<double>(first[cell]) * (1.0 - blend.second_share) +
                              static_cast<double>(second[cell]) * blend.second_share;
      ratios[cell].add(profiled, profiled * factors[cell % candidates], there);
    }
  }

  Profile carried = profile;
  carried.layout = layout;
  carried.map_size = 0;
  carried.maps.clear();
  for (std::size_t i = 0; i < carried.head_error.size(); ++i) {
    const Ratio& ratio = ratios[i % cells];
    const auto profiled = static_cast<double>(profile.head_error[i]);
    carried.head_error[i] = static_cast<float>(ratio.known() ? ratio.carry(profiled)
                                                             : profiled * factors[i % candidates]);
  }
  return carried;
}

}  // namespace twill::search
