// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What an evaluation found: rows, their sums, and report.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "twill/media/video_metrics.h"
#include "twill/plan/token_layout.h"
#include "twill/report/attention_use.h"
#include "twill/report/clip_settings.h"
#include "twill/report/generated_clip.h"
#include "twill/report/measured_with.h"

namespace twill::report {

// One prompt. Dense times are those of the same process, in turns with the sparse clip; empty when
// not timed. own_dense: of a loop with dense attention by the kernels that run the plan, so that
// what they save is told from what they are faster by; not in reports of earlier versions, and 0
// where the loop was not run.
struct EvaluateRow {
  std::string prompt;
  std::uint64_t seed = 0;
  media::ClipQuality quality;
  std::vector<double> psnr_db_frames;  // of each frame alone, +inf where equal
  bool timed = false;
  ClipTimes dense;
  ClipTimes sparse;
  ClipTimes own_dense;
  double density = 1.0;    // of the sparse clip
  AttentionUse attention;  // of the sparse clip
};

struct EvaluateReport {
  std::vector<EvaluateRow> rows;
  double density = 1.0;                  // mean over the rows
  AttentionUse attention;                // over all sparse clips
  std::string why_no_part;               // as why_no_part() says of all clips together
  std::optional<double> search_seconds;  // as the search left it beside the plan
  std::string model;                     // folder name and fingerprint
  std::string plan;
  bool adapted = false;  // to each clip
  std::string device;
  std::string dtype;
  std::string dense_attention;  // what dense clips ran through
  ReportFacts facts;            // as whoever asked told them
  TokenLayout layout;           // of the clips
  ClipSettings clip;            // with the model's defaults filled in
  std::string twill_version;
  std::string torch_version;
};

// Sums over the timed rows: dense over sparse, attention's part of the dense loop.
struct EvaluateSummary {
  double psnr_db = 0.0;
  double psnr_db_worst = 0.0;
  double ssim = 0.0;
  std::size_t timed = 0;
  // Means per clip over the timed rows; 0 when none was timed.
  double dense_seconds = 0.0;
  double sparse_seconds = 0.0;
  // Empty when no clip was timed, and when the plan took part in none of them.
  std::optional<double> speedup;
  std::optional<double> attention_speedup;
  // The same over dense attention by our own kernels; 0 and empty where not every timed prompt has
  // that.
  double own_dense_seconds = 0.0;
  std::optional<double> speedup_over_own_dense;
  std::optional<double> attention_speedup_over_own_dense;
  double attention_share = 0.0;
  double vae_seconds = 0.0;
  double text_seconds = 0.0;
};
EvaluateSummary summarise(const std::vector<EvaluateRow>& rows);

std::string to_json(const EvaluateReport& report);
// A report.json. Throws Error(kFile) naming file, field and value.
EvaluateReport read_evaluate_report(const std::filesystem::path& file);

// Rows alone, of an evaluation that has not ended.
std::string rows_to_json(const std::vector<EvaluateRow>& rows);
// Empty when the text is damaged or not of ours.
std::vector<EvaluateRow> rows_from_json(std::string_view text);

}  // namespace twill::report
