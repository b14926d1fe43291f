// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the comparison of policies says, as a table for people and as JSON.

#include <algorithm>
#include <cstdio>

#include "measured_with_json.h"
#include "twill/plan/error.h"
#include "twill/report/policies_report.h"

namespace twill::report {
namespace {

std::string padded(const std::string& text, std::size_t width) {
  return std::string(text.size() < width ? width - text.size() : 0, ' ') + text;
}

std::string number_cell(double value, int digits, std::size_t width) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return padded(text, width);
}

std::string with_interval(double value, const Interval& interval) {
  return concat(number_cell(value, 2, 7), " dB (", number_cell(interval.low, 2, 0), " to ",
                number_cell(interval.high, 2, 0), ")");
}

std::string left(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 0, ' ');
}

json steps_json(const std::optional<std::int32_t>& steps) {
  return steps ? json(*steps) : json("free");
}

json interval_json(const Interval& interval) {
  return {number(interval.low), number(interval.high)};
}

json tuned_json(const Tuned& tuned) {
  json tries = json::array();
  for (const Tuned::Try& tried : tuned.tried) {
    tries.push_back({{"dense_first_steps", steps_json(tried.setting.parts.first_steps)},
                     {"dense_last_steps", steps_json(tried.setting.parts.last_steps)},
                     {"dense_first_layers", tried.setting.parts.first_layers},
                     {"plan", tried.setting.variant},
                     {"psnr_db", number(tried.psnr_db)}});
  }
  return {{"best", tuned.best}, {"inside", tuned.inside}, {"tried", std::move(tries)}};
}

json quality_json(const std::vector<media::ClipQuality>& all) {
  json psnr = json::array(), ssim = json::array();
  for (const media::ClipQuality& quality : all) {
    psnr.push_back(number(quality.psnr_db));
    ssim.push_back(quality.ssim);
  }
  return {{"psnr_db", std::move(psnr)}, {"ssim", std::move(ssim)}};
}

json run_json(const PolicyRun& run) {
  json value{{"plan", run.plan}, {"density", run.density}};
  for (const auto& [name, number] :
       {std::pair("lambda", run.lambda), std::pair("epsilon", run.epsilon),
        std::pair("top_p", run.top_p), std::pair("clip_error", run.clip_error)}) {
    if (number) {
      value[name] = *number;
    }
  }
  if (!run.tuned.tried.empty()) {
    value["tuning"] = tuned_json(run.tuned);
  }
  value.update(quality_json(run.quality));
  if (!run.solver_there.empty()) {
    value["solver_there"] = quality_json(run.solver_there);
  }
  return value;
}

json row_json(const PolicyResult& row) {
  json value{{"policy", row.row}};
  if (!row.measured()) {
    value["missing"] = "no plan of this rule at this density";
    return value;
  }
  json runs = json::array();
  for (const PolicyRun& run : row.runs) {
    runs.push_back(run_json(run));
  }
  value.update(json{{"density", row.density},
                    {"psnr_db", number(row.psnr_db)},
                    {"psnr_db_worst", number(row.psnr_db_worst)},
                    {"ssim", row.ssim},
                    {"behind_solver_db", number(row.behind_db)},
                    {"behind_solver_db_95", interval_json(row.behind_db_95)},
                    {"profiles", std::move(runs)}});
  return value;
}

// "4+1, 2, 3" of the first profile: dense first and last steps, dense first layers, plan.
std::string setting_text(const PolicyResult& row) {
  const Tuned& tuned = row.runs.front().tuned;
  if (tuned.tried.empty()) {
    return "";
  }
  const TunedSetting& best = tuned.tried[tuned.best].setting;
  const auto steps = [](const std::optional<std::int32_t>& count) {
    return count ? std::to_string(*count) : std::string("free");
  };
  return concat(steps(best.parts.first_steps), "+", steps(best.parts.last_steps), ", ",
                best.parts.first_layers, ", ", best.variant + 1,
                tuned.inside || !best.parts.first_steps ? "" : " (edge)");
}

}  // namespace

std::string describe(const PoliciesReport& report) {
  std::size_t width = 0;
  for (const PolicyResult& row : report.policies) {
    width = std::max(width, row.row.size());
  }
  std::string text = left("row", width) +
                     "  dense steps, layers, plan  density   PSNR  worst    SSIM  behind the "
                     "solver (95 %)\n";
  for (const PolicyResult& row : report.policies) {
    text += left(row.row, width);
    if (!row.measured()) {
      text += "  no plan of this rule at this density\n";
      continue;
    }
    text += padded(setting_text(row), 27) + number_cell(row.density, 3, 9) +
            number_cell(row.psnr_db, 2, 7) + number_cell(row.psnr_db_worst, 2, 7) +
            number_cell(row.ssim, 4, 8);
    if (&row != &report.policies.front()) {
      text += with_interval(row.behind_db, row.behind_db_95);
    }
    text += "\n";
  }
  for (const PolicyContrast& contrast : report.contrasts) {
    text += concat(contrast.factor, ": ", with_interval(contrast.brings_db, contrast.brings_db_95),
                   "\n");
  }
  const ClipSettings& clip = report.with.clip;
  return text + concat(report.profile_hashes.size(), " profiles, ", report.prompts.size(),
                       " prompts, ", *clip.width, "x", *clip.height, "x", *clip.frames, ", ",
                       *clip.sampler, ", shift ", *clip.shift, ", ", *clip.steps, " steps, ",
                       report.with.dtype, ", ", report.with.device, "\n");
}

std::string to_json(const PoliciesReport& report) {
  json rows = json::array(), contrasts = json::array();
  for (const PolicyResult& row : report.policies) {
    rows.push_back(row_json(row));
  }
  for (const PolicyContrast& contrast : report.contrasts) {
    contrasts.push_back({{"factor", contrast.factor},
                         {"row", contrast.row},
                         {"than", contrast.than},
                         {"brings_db", number(contrast.brings_db)},
                         {"brings_db_95", interval_json(contrast.brings_db_95)}});
  }
  json value{
      {"density", report.density}, {"segments", report.segments}, {"settings", report.settings}};
  value["profiles"] = report.profile_hashes;
  value.update(to_json_value(report.with));
  value.update(json{
      {"seed", report.seed},
      {"prompts", report.prompts},
      {"tuning_seed", report.tuning_seed},
      {"tuning_prompts", report.tuning_prompts},
      {"interval",
       "bootstrap over prompts and profiles, 10,000 draws, 95 % percentiles, of differences taken "
       "clip by clip"},
      {"contrasts", std::move(contrasts)},
      {"policies", std::move(rows)}});
  return json_dump(value, 2) + "\n";
}

}  // namespace twill::report
