// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Sums of an evaluation, and report.json.
#include <algorithm>
#include <cmath>

#include "json.h"
#include "statistics.h"
#include "twill/jobs/evaluate.h"

namespace twill::jobs {
namespace {

constexpr const char* kMetric =
    "psnr_db: 8-bit RGB before video encoding, MSE over the whole clip, 10 log10(255^2 / MSE), "
    "mean over prompts, null where all clips are equal, which has no bound; ssim: 11x11 Gaussian, "
    "sigma 1.5, per frame on luma, mean; dense and sparse from one noise, same sampler and dtype; "
    "density: executed query-key cells (128x64 tiles) over dense's, all heads, layers and "
    "forwards; dense_seconds and sparse_seconds: wall clock of the denoising loop, mean per timed "
    "prompt, one process, interleaved, no result reused; speedup and attention_speedup: dense over "
    "sparse, sums over the timed prompts, null where the plan took no part; attention_share: of "
    "the dense loop; vae_seconds: one decode, mean";

}  // namespace

EvaluateSummary summarise(const std::vector<EvaluateRow>& rows) {
  TWILL_ASSERT(!rows.empty());
  std::vector<double> psnr;
  std::vector<double> ssim;
  ClipTimes dense;
  ClipTimes sparse;
  EvaluateSummary summary;
  const auto add = [](ClipTimes& sum, const ClipTimes& times) {
    sum.text += times.text;
    sum.denoise += times.denoise;
    sum.attention += times.attention;
    sum.vae += times.vae;
  };
  for (const EvaluateRow& row : rows) {
    psnr.push_back(row.quality.psnr_db);
    ssim.push_back(row.quality.ssim);
    if (row.timed) {
      ++summary.timed;
      add(dense, row.dense);
      add(sparse, row.sparse);
    }
  }
  summary.psnr_db = mean_of(psnr);
  summary.psnr_db_worst = worst_of(psnr);
  summary.ssim = mean_of(ssim);
  if (summary.timed > 0) {
    const double clips = static_cast<double>(summary.timed);
    summary.dense_seconds = dense.denoise / clips;
    summary.sparse_seconds = sparse.denoise / clips;
    if (std::any_of(rows.begin(), rows.end(),
                    [](const EvaluateRow& row) { return took_part(row.attention); })) {
      summary.speedup = dense.denoise / sparse.denoise;
      summary.attention_speedup = dense.attention / sparse.attention;
    }
    summary.attention_share = dense.attention / dense.denoise;
    summary.vae_seconds = (dense.vae + sparse.vae) / (2 * clips);
    summary.text_seconds = dense.text / clips;
  }
  return summary;
}

std::string to_json(const EvaluateReport& report) {
  const EvaluateSummary summary = summarise(report.rows);
  const bool timed = summary.timed > 0;
  const auto when_timed = [&](double value) { return timed ? json(value) : json(nullptr); };
  json prompts = json::array();
  json seeds = json::array();
  json rows = json::array();
  for (const EvaluateRow& row : report.rows) {
    prompts.push_back(row.prompt);
    seeds.push_back(row.seed);
    rows.push_back(to_json_value(row));
  }
  const json value{
      {"density", report.density},
      {"psnr_db", number(summary.psnr_db)},
      {"psnr_db_worst", number(summary.psnr_db_worst)},
      {"ssim", summary.ssim},
      {"dense_seconds", when_timed(summary.dense_seconds)},
      {"sparse_seconds", when_timed(summary.sparse_seconds)},
      {"speedup", or_null(summary.speedup)},
      {"attention_speedup", or_null(summary.attention_speedup)},
      {"attention_share", when_timed(summary.attention_share)},
      {"vae_seconds", when_timed(summary.vae_seconds)},
      {"text_seconds", when_timed(summary.text_seconds)},
      {"search_seconds", or_null(report.search_seconds)},
      {"timed_prompts", summary.timed},
      {"dtype", report.dtype},
      {"device", report.device},
      {"sampler", *report.clip.sampler},
      {"shift", *report.clip.shift},
      {"steps", *report.clip.steps},
      {"cfg", *report.clip.cfg},
      {"width", *report.clip.width},
      {"height", *report.clip.height},
      {"frames", *report.clip.frames},
      {"layout",
       {{"prefix", report.layout.prefix},
        {"frames", report.layout.frames},
        {"rows", report.layout.rows},
        {"cols", report.layout.cols},
        {"suffix", report.layout.suffix}}},
      {"seeds", seeds},
      {"prompts", prompts},
      {"model", report.model},
      {"plan", report.plan},
      {"adapted", report.adapted},
      {"plan_took_part", took_part(report.attention)},
      {"why_plan_took_no_part", text_or_null(report.why_no_part)},
      {"metric", kMetric},
      {"dense_attention", report.dense_attention},
      {"attention_calls", to_json_value(report.attention)},
      {"twill", report.twill_version},
      {"torch", report.torch_version},
      {"rows", rows},
  };
  return json_dump(value, 2) + "\n";
}

}  // namespace twill::jobs
