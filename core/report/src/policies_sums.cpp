// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "twill/plan/error.h"
#include "twill/report/policies_report.h"

namespace twill::report {
namespace {

// [profiles][prompts], prompts fastest.
std::vector<double> psnr_of(const PolicyResult& row) {
  std::vector<double> psnr;
  for (const PolicyRun& run : row.runs) {
    for (const media::ClipQuality& quality : run.quality) {
      psnr.push_back(quality.psnr_db);
    }
  }
  return psnr;
}

// What the solver has where the row stands.
std::vector<double> solver_beside(const PolicyResult& solver, const PolicyResult& row) {
  std::vector<double> psnr;
  for (std::size_t i = 0; i < row.runs.size(); ++i) {
    const PolicyRun& run = row.runs[i];
    for (const media::ClipQuality& quality :
         run.solver_there.empty() ? solver.runs[i].quality : run.solver_there) {
      psnr.push_back(quality.psnr_db);
    }
  }
  return psnr;
}

struct Difference {
  double mean;
  Interval interval;
};

Difference difference(const std::vector<double>& a, const std::vector<double>& b,
                      std::size_t profiles) {
  TWILL_ASSERT(a.size() == b.size());
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) {
    differences.push_back(a[i] - b[i]);
  }
  return {mean_of(differences), crossed_interval(differences, profiles)};
}

void add_means(PolicyResult& row) {
  const std::vector<double> psnr = psnr_of(row);
  row.psnr_db = mean_of(psnr);
  row.psnr_db_worst = worst_of(psnr);
  std::vector<double> ssim, density;
  for (const PolicyRun& run : row.runs) {
    density.push_back(run.density);
    for (const media::ClipQuality& quality : run.quality) {
      ssim.push_back(quality.ssim);
    }
  }
  row.ssim = mean_of(ssim);
  row.density = mean_of(density);
}

// A row that one profile has no plan for is compared with none.
bool is_whole(const PolicyResult& row) {
  return std::ranges::none_of(row.runs, [](const PolicyRun& run) { return run.quality.empty(); });
}

}  // namespace

void add_sums(PoliciesReport& report, std::span<const ContrastRows> contrasts) {
  const std::size_t profiles = report.policies.front().runs.size();
  for (PolicyResult& row : report.policies) {
    if (!is_whole(row)) {
      row.runs.clear();
      continue;
    }
    add_means(row);
    const Difference behind =
        difference(solver_beside(report.policies.front(), row), psnr_of(row), profiles);
    row.behind_db = behind.mean;
    row.behind_db_95 = behind.interval;
  }
  for (const ContrastRows& rows : contrasts) {
    const auto find = [&](std::string_view name) {
      return std::ranges::find_if(report.policies, [&](const PolicyResult& row) {
        return row.row == name && row.measured();
      });
    };
    const auto row = find(rows.row), than = find(rows.than);
    if (row != report.policies.end() && than != report.policies.end()) {
      const Difference brings = difference(psnr_of(*row), psnr_of(*than), profiles);
      report.contrasts.push_back({.factor = std::string(rows.factor),
                                  .row = row->row,
                                  .than = than->row,
                                  .brings_db = brings.mean,
                                  .brings_db_95 = brings.interval});
    }
  }
}

}  // namespace twill::report
