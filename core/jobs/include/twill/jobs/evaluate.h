// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: dense and sparse clips of a file of prompts from the same noise, compared and timed;
// report.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "twill/jobs/clip_settings.h"
#include "twill/jobs/generate.h"
#include "twill/jobs/job.h"
#include "twill/plan/token_layout.h"

namespace twill::jobs {

struct EvaluateOptions {
  ClipSettings clip;
  std::vector<std::string> prompts;
  std::uint64_t seed = 1000;  // of the first prompt; each next prompt takes the next seed
  std::filesystem::path plan;
  bool adapt = false;         // as in GenerateOptions
  std::int64_t timed = -1;    // the first so many prompts are timed; negative: all
  std::filesystem::path out;  // report.json
  // Folder for dense.mp4, sparse.mp4 and side_by_side.png (first prompt), worst.png (side by side,
  // the prompt with the lowest PSNR) and heads.png; empty: none.
  std::filesystem::path clips;
  // Folder that keeps the rows of an unfinished evaluation and the dense clips of prompts that are
  // not timed. When it is empty, the folder is made beside `out`.
  std::filesystem::path work;
};

// One prompt. Dense times are those of the same process, in turns with the sparse clip; empty when
// not timed.
struct EvaluateRow {
  std::string prompt;
  std::uint64_t seed = 0;
  media::ClipQuality quality;
  std::vector<double> psnr_db_frames;  // of each frame alone, +inf where equal
  bool timed = false;
  ClipTimes dense;
  ClipTimes sparse;
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
  double attention_share = 0.0;
  double vae_seconds = 0.0;
  double text_seconds = 0.0;
};
EvaluateSummary summarise(const std::vector<EvaluateRow>& rows);

// Throws Error or Cancelled. A stopped evaluation goes on where it was when it is called again with
// the same options.
EvaluateReport evaluate(const EvaluateOptions& options, const JobControl& control);

std::string to_json(const EvaluateReport& report);

}  // namespace twill::jobs
