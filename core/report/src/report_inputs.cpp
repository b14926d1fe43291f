// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "report_inputs.h"

#include <cmath>

#include "json.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/text.h"
#include "twill/report/search_record.h"
#include "twill/report/statistics.h"
#include "twill/search/calibration.h"

namespace twill::report {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxPlanBytes = 64u << 20;  // as read_plan
// Densities are sums over heads and steps, added up in another order here.
constexpr double kSameDensity = 1e-9;

enum class FileKind { kPlan, kReport };

FileKind kind_of(const fs::path& file) {
  const json document = json_tree<json>(read_text(file, kMaxPlanBytes), file.string());
  if (document.is_object() && document.contains("rows")) {
    return FileKind::kReport;
  }
  require(document.is_object() && document.contains("segments"), ErrorCode::kFile, file.string(),
          ": is neither a plan (no \"segments\") nor a report of an evaluation (no \"rows\")");
  return FileKind::kPlan;
}

struct Measurement {
  fs::path plan_file;
  fs::path file;
  std::shared_ptr<const Plan> plan;
  EvaluateReport report;
};

// The evaluations' run, which is the same for all.
RunOptions run_of_measurements(const std::vector<Measurement>& measurements, RunOptions options,
                               const Profile& profile) {
  const auto agree = [](auto& option, const auto& value, const char* name, const fs::path& file) {
    if (!option) {
      option = value;
    }
    require(*option == value, ErrorCode::kUsage, file.string(), ": ", name, " ", value,
            " is not the ", *option, " of the other figures");
  };
  for (const Measurement& one : measurements) {
    agree(options.sampler, *one.report.clip.sampler, "sampler", one.file);
    agree(options.steps, *one.report.clip.steps, "steps", one.file);
    agree(options.shift, *one.report.clip.shift, "shift", one.file);
    const TokenLayout layout = one.report.layout.frames > 0 ? one.report.layout : profile.layout;
    require(!options.layout || *options.layout == layout, ErrorCode::kUsage, one.file.string(),
            ": its clips of ", layout.frames, "x", layout.rows, "x", layout.cols,
            " tokens are not of the size of the other figures");
    options.layout = layout;
  }
  return options;
}

// What went wrong with a plan is said with its file.
PlanFigures figures_from(const fs::path& file, std::shared_ptr<const Plan> plan,
                         std::shared_ptr<const Profile> profile, const FiguresRun& run) {
  try {
    return figures_of(std::move(plan), std::move(profile), run);
  } catch (const Error& error) {
    throw Error(error.code(), concat(file.string(), ": ", error.what()));
  }
}

double mean_mse(const EvaluateReport& report) {
  double sum = 0.0;
  for (const EvaluateRow& row : report.rows) {
    sum += search::mse_of(row.quality.psnr_db);
  }
  return sum / static_cast<double>(report.rows.size());
}

}  // namespace

std::shared_ptr<const Plan> read_plan_with_profile(const fs::path& file) {
  auto plan = std::make_shared<const Plan>(read_plan(file));
  require(plan->profile != nullptr, ErrorCode::kModel, file.string(),
          ": the plan holds no profile, from which a report's numbers come");
  return plan;
}

ReportInputs read_report_inputs(const ReportOptions& options) {
  require(!options.files.empty(), ErrorCode::kUsage, "no plan");
  std::shared_ptr<const Plan> first;
  std::shared_ptr<const Plan> plan;
  fs::path plan_file;
  std::vector<Measurement> measurements;
  const auto check_measured = [&] {
    require(plan == first || (!measurements.empty() && measurements.back().plan_file == plan_file),
            ErrorCode::kUsage, plan_file.string(), ": a further plan needs its report behind it");
  };
  for (const fs::path& file : options.files) {
    if (kind_of(file) == FileKind::kReport) {
      require(plan != nullptr, ErrorCode::kUsage, file.string(),
              ": a report stands behind the plan that it is of");
      measurements.push_back({plan_file, file, plan, read_evaluate_report(file)});
      continue;
    }
    check_measured();
    plan = first == nullptr ? read_plan_with_profile(file)
                            : std::make_shared<const Plan>(read_plan(file));
    first = first == nullptr ? plan : first;
    plan_file = file;
  }
  check_measured();

  const std::shared_ptr<const Profile> profile = first->profile;
  const fs::path& first_file = options.files.front();
  const FiguresRun run =
      run_of(*first, run_of_measurements(measurements, options.run, *profile), first_file);
  ReportInputs inputs{.figures = figures_from(first_file, first, profile, run),
                      .measured = {},
                      .probes = read_probes(first_file),
                      .search_seconds = read_search_seconds(first_file)};
  for (Measurement& one : measurements) {
    MeasuredPlan measured{.name = one.plan_file.filename().string(),
                          .figures = figures_from(one.plan_file, one.plan, profile, run),
                          .report = std::move(one.report)};
    require(std::abs(measured.report.density - measured.figures.density) <= kSameDensity,
            ErrorCode::kModel, one.file.string(), ": its density ", measured.report.density,
            " is not the ", measured.figures.density, " of ", one.plan_file.string(),
            " over the same run: it is of another plan");
    measured.summary = summarise(measured.report.rows);
    measured.mean_mse = mean_mse(measured.report);
    inputs.measured.push_back(std::move(measured));
  }
  return inputs;
}

}  // namespace twill::report
