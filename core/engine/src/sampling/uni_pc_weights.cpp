// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "sampling/uni_pc_weights.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace twill::engine {
namespace {

// sum over j of r_j^i rho_j = (i + 1)! phi_(i + 2)(h) h / B(h) for i = 0, 1, ...
std::vector<double> solved(const std::vector<double>& r, double h, double b_of_h) {
  const std::size_t order = r.size();
  std::vector<std::vector<double>> rows(order);
  double phi = std::expm1(h) / h - 1.0;  // times h
  double factorial = 1.0;
  for (std::size_t i = 0; i < order; ++i) {
    for (const double each : r) {
      rows[i].push_back(std::pow(each, static_cast<double>(i)));
    }
    rows[i].push_back(phi * factorial / b_of_h);
    factorial *= static_cast<double>(i + 2);
    phi = phi / h - 1.0 / factorial;
  }
  for (std::size_t i = 0; i < order; ++i) {
    const auto pivot = std::max_element(
        rows.begin() + static_cast<std::ptrdiff_t>(i), rows.end(),
        [i](const auto& a, const auto& b) { return std::abs(a[i]) < std::abs(b[i]); });
    std::swap(*pivot, rows[i]);
    for (std::size_t other = 0; other < order; ++other) {
      const double share = other == i ? 0.0 : rows[other][i] / rows[i][i];
      for (std::size_t j = i; j <= order; ++j) {
        rows[other][j] -= share * rows[i][j];
      }
    }
  }
  std::vector<double> rho;
  for (std::size_t i = 0; i < order; ++i) {
    rho.push_back(rows[i][order] / rows[i][i]);
  }
  return rho;
}

}  // namespace

std::vector<double> uni_pc_predictor(const std::vector<double>& r, double h, double b_of_h) {
  // As all who have it: the paper's own value of order 2 differs by the square of h.
  return r.size() == 1 ? std::vector{0.5} : solved(r, h, b_of_h);
}

std::vector<double> uni_pc_corrector(std::vector<double> r, double h, double b_of_h) {
  if (r.empty()) {
    return {0.5};
  }
  r.push_back(1.0);
  return solved(r, h, b_of_h);
}

}  // namespace twill::engine
