// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/evaluation.h"

#include <algorithm>

#include "evaluation_rows.h"
#include "report_values.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"
#include "twill/report/statistics.h"

namespace twill::report {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxReportBytes = 64u << 20;
constexpr std::size_t kMaxRows = 65536;
constexpr std::size_t kMaxFrames = 65536;

constexpr const char* kMetric =
    "psnr_db: 8-bit RGB before video encoding, MSE over the whole clip, 10 log10(255^2 / MSE), "
    "mean over prompts, null where all clips are equal, which has no bound; ssim: 11x11 Gaussian, "
    "sigma 1.5, per frame on luma, mean; dense and sparse from one noise, same sampler and dtype; "
    "density: executed query-key cells (128x64 tiles) over dense's, all heads, layers and "
    "forwards; dense_seconds and sparse_seconds: wall clock of the denoising loop, mean per timed "
    "prompt, one process, interleaved, no result reused; speedup and attention_speedup: dense over "
    "sparse, sums over the timed prompts, null where the plan took no part; own_dense and "
    "over_own_dense: the same with dense attention by the kernels that run the plan; "
    "attention_share: of the dense loop; vae_seconds: one decode, mean";

constexpr double kMaxSeconds = 1e9;
constexpr double kMaxCalls = 1e15;

ClipTimes times_from(const Value& value) {
  const auto seconds = [&](const char* field) { return value.at(field).number(0.0, kMaxSeconds); };
  return {.text = seconds("text_seconds"),
          .denoise = seconds("denoise_seconds"),
          .attention = seconds("attention_seconds"),
          .vae = seconds("vae_seconds")};
}

std::map<std::string, std::int64_t> reasons_from(const Value& value) {
  std::map<std::string, std::int64_t> counts;
  for (const auto& [reason, count] : value.raw().items()) {
    counts[reason] = value.at(reason.c_str()).integer<std::int64_t>(0, kMaxCalls);
  }
  return counts;
}

AttentionUse use_from(const Value& value) {
  AttentionUse use{
      .sparse_calls = value.at("sparse").integer<std::int64_t>(0, kMaxCalls),
      .planned_dense_calls = value.at("planned_dense").integer<std::int64_t>(0, kMaxCalls),
      .fallbacks = reasons_from(value.at("fallbacks"))};
  if (value.has("int8")) {  // of plans with such heads
    const Value int8 = value.at("int8");
    use.heads_with_keys = int8.at("of_heads").integer<std::int64_t>(0, kMaxCalls);
    use.int8_heads = int8.at("heads").integer<std::int64_t>(0, kMaxCalls);
    use.not_int8 = reasons_from(int8.at("as_bf16"));
  }
  return use;
}

EvaluateRow row_from(const Value& value) {
  EvaluateRow row{.prompt = value.at("prompt").text(),
                  .seed = value.at("seed").seed(),
                  .quality = {.psnr_db = value.at("psnr_db").decibels(),
                              .ssim = value.at("ssim").number(-1.0, 1.0)},
                  .timed = value.at("timed").flag(),
                  .attention = use_from(value.at("attention_calls"))};
  if (value.has("density")) {  // not in reports of the first version, as the frames
    row.density = value.at("density").number(0.0, 1.0);
  }
  if (value.has("psnr_db_frames")) {
    for (const Value& frame : value.at("psnr_db_frames").list(kMaxFrames)) {
      row.psnr_db_frames.push_back(frame.decibels());
    }
  }
  if (row.timed) {
    row.dense = times_from(value.at("dense"));
    row.sparse = times_from(value.at("sparse"));
    if (value.has("own_dense")) {
      row.own_dense = times_from(value.at("own_dense"));
    }
  }
  return row;
}

TokenLayout layout_from(const Value& value) {
  constexpr double kMost = 1 << 24;
  const auto axis = [&](const char* field, double least) {
    return value.at(field).integer<std::int32_t>(least, kMost);
  };
  return {.prefix = axis("prefix", 0),
          .frames = axis("frames", 1),
          .rows = axis("rows", 1),
          .cols = axis("cols", 1),
          .suffix = axis("suffix", 0)};
}

}  // namespace

json to_json_value(const EvaluateRow& row) {
  json value{{"prompt", row.prompt},
             {"seed", row.seed},
             {"psnr_db", number(row.quality.psnr_db)},
             {"ssim", row.quality.ssim},
             {"psnr_db_frames", json::array()},
             {"timed", row.timed},
             {"density", row.density},
             {"attention_calls", to_json_value(row.attention)}};
  for (const double frame : row.psnr_db_frames) {
    value["psnr_db_frames"].push_back(number(frame));
  }
  if (row.timed) {
    value["dense"] = to_json_value(row.dense);
    value["sparse"] = to_json_value(row.sparse);
    if (row.own_dense.denoise > 0.0) {
      value["own_dense"] = to_json_value(row.own_dense);
    }
    value["speedup"] =
        took_part(row.attention) ? json(row.dense.denoise / row.sparse.denoise) : json(nullptr);
  }
  return value;
}

EvaluateRow evaluate_row_from(const json& value) { return row_from(Value(value, "row")); }

EvaluateSummary summarise(const std::vector<EvaluateRow>& rows) {
  TWILL_ASSERT(!rows.empty());
  std::vector<double> psnr;
  std::vector<double> ssim;
  ClipTimes dense;
  ClipTimes sparse;
  ClipTimes own_dense;
  bool all_own = true;  // timed rows have it
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
      add(own_dense, row.own_dense);
      all_own = all_own && row.own_dense.denoise > 0.0;
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
      if (all_own) {
        summary.speedup_over_own_dense = own_dense.denoise / sparse.denoise;
        summary.attention_speedup_over_own_dense = own_dense.attention / sparse.attention;
      }
    }
    summary.own_dense_seconds = all_own ? own_dense.denoise / clips : 0.0;
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
  json value{
      {"density", report.density},
      {"psnr_db", number(summary.psnr_db)},
      {"psnr_db_worst", number(summary.psnr_db_worst)},
      {"ssim", summary.ssim},
      {"dense_seconds", when_timed(summary.dense_seconds)},
      {"sparse_seconds", when_timed(summary.sparse_seconds)},
      {"speedup", or_null(summary.speedup)},
      {"attention_speedup", or_null(summary.attention_speedup)},
      {"own_dense_seconds",
       summary.own_dense_seconds > 0.0 ? json(summary.own_dense_seconds) : json(nullptr)},
      {"speedup_over_own_dense", or_null(summary.speedup_over_own_dense)},
      {"attention_speedup_over_own_dense", or_null(summary.attention_speedup_over_own_dense)},
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
      {"cfg", report.clip.cfg->first},
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
      {"prompt_weights", name_in(kPromptWeightsNames, report.clip.prompt_weights)},
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
  if (report.clip.cfg->second) {
    value["cfg_second"] = *report.clip.cfg->second;
  }
  if (!report.clip.loras.empty()) {
    value["loras"] = lora_texts(report.clip.loras);
  }
  for (const auto& [name, file] :
       {std::pair("image", &report.clip.image), std::pair("end_image", &report.clip.end_image)}) {
    if (!file->empty()) {
      value[name] = valid_utf8(file->filename().string());
    }
  }
  if (!report.facts.empty()) {
    value["run"] = report.facts;
  }
  return json_dump(value, 2) + "\n";
}

EvaluateReport read_evaluate_report(const fs::path& file) {
  const json document = json_tree<json>(read_text(file, kMaxReportBytes), file.string());
  const Value value(document, file.string() + ":");
  EvaluateReport report{.density = value.at("density").number(0.0, 1.0),
                        .attention = use_from(value.at("attention_calls")),
                        .model = value.at("model").text(),
                        .plan = value.at("plan").text(),
                        .device = value.at("device").text(),
                        .dtype = value.at("dtype").text(),
                        .dense_attention = value.at("dense_attention").text(),
                        .twill_version = value.at("twill").text(),
                        .torch_version = value.at("torch").text()};
  const auto whole = [&](const char* field) {
    return value.at(field).integer<std::int32_t>(1, 1e6);
  };
  report.clip = {.width = whole("width"),
                 .height = whole("height"),
                 .frames = whole("frames"),
                 .steps = whole("steps"),
                 .shift = value.at("shift").number(0.0, 100.0),
                 .cfg = Guidance(value.at("cfg").number(1.0, 100.0)),
                 .sampler = value.at("sampler").text(),
                 .dtype = report.dtype};
  if (value.has("cfg_second")) {
    report.clip.cfg->second = value.at("cfg_second").number(1.0, 100.0);
  }
  report.clip.prompt_weights = value.has("prompt_weights")
                                   ? parse_prompt_weights(value.at("prompt_weights").text())
                                   : PromptWeights::kNone;
  if (value.has("loras")) {
    for (const Value& lora : value.at("loras").list(kMostLoras)) {
      report.clip.loras.push_back(parse_lora(lora.text()));
    }
  }
  for (const auto& [name, picture] :
       {std::pair("image", &report.clip.image), std::pair("end_image", &report.clip.end_image)}) {
    if (value.has(name)) {
      *picture = value.at(name).text();
    }
  }
  if (value.has("layout")) {  // not in reports of the first version
    report.layout = layout_from(value.at("layout"));
    check_layout(report.layout);
  }
  if (value.has("adapted")) {
    report.adapted = value.at("adapted").flag();
  }
  if (value.has("why_plan_took_no_part")) {
    report.why_no_part = value.at("why_plan_took_no_part").text();
  }
  if (value.has("search_seconds")) {
    report.search_seconds = value.at("search_seconds").number(0.0, kMaxSeconds);
  }
  if (report.why_no_part.empty() && !took_part(report.attention)) {  // as in earlier versions
    report.why_no_part = "the plan took no part: all its attention calls ran dense";
  }
  for (const Value& row : value.at("rows").list(kMaxRows)) {
    report.rows.push_back(row_from(row));
  }
  require(!report.rows.empty(), ErrorCode::kFile, file.string(), ": rows is empty");
  return report;
}

std::string rows_to_json(const std::vector<EvaluateRow>& rows) {
  json stored = json::array();
  for (const EvaluateRow& row : rows) {
    stored.push_back(to_json_value(row));
  }
  return json_dump(stored, 1);
}

std::vector<EvaluateRow> rows_from_json(std::string_view text) {
  const json stored = kept_json<json>(text);
  std::vector<EvaluateRow> rows;
  try {
    for (const Value& row : Value(stored, "rows").list(kMaxRows)) {
      rows.push_back(row_from(row));
    }
  } catch (const Error&) {
    rows.clear();
  }
  return rows;
}

}  // namespace twill::report
