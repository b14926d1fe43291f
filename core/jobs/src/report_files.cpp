// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Reads what evaluations and searches left, field by field.
#include <cmath>
#include <limits>

#include "json.h"
#include "search_record.h"
#include "twill/jobs/plan_figures.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxReportBytes = 64u << 20;
constexpr std::uintmax_t kMaxRecordBytes = 1u << 20;
constexpr std::size_t kMaxRows = 65536;
constexpr std::size_t kMaxFrames = 65536;

// A value with the file and path that it stands at.
class Value {
 public:
  Value(const json& value, std::string where) : value_(value), where_(std::move(where)) {}

  bool has(const char* field) const { return value_.contains(field) && !value_[field].is_null(); }
  Value at(const char* field) const {
    require(value_.is_object(), ErrorCode::kFile, where_, " is no object");
    require(value_.contains(field), ErrorCode::kFile, where_, ": \"", field, "\" is missing");
    return {value_[field], concat(where_, where_.back() == ':' ? " " : ".", field)};
  }
  std::vector<Value> list(std::size_t most) const {
    require(value_.is_array() && value_.size() <= most, ErrorCode::kFile, where_, " is no list of ",
            "at most ", most, " entries");
    std::vector<Value> entries;
    for (std::size_t i = 0; i < value_.size(); ++i) {
      entries.emplace_back(value_[i], concat(where_, "[", i, "]"));
    }
    return entries;
  }
  std::string text() const {
    require(value_.is_string(), ErrorCode::kFile, where_, ": ", shown(), " is no text");
    return value_.get<std::string>();
  }
  double number(double low, double high) const {
    require(value_.is_number() && value_.get<double>() >= low && value_.get<double>() <= high,
            ErrorCode::kFile, where_, ": ", shown(), " is no number in ", low, "..", high);
    return value_.get<double>();
  }
  // Equal clips have null; "inf" in earlier versions.
  double decibels() const {
    if (value_.is_null() || value_ == "inf") {
      return std::numeric_limits<double>::infinity();
    }
    return number(-1e3, 1e3);
  }
  template <typename Integer>
  Integer integer(double low, double high) const {
    require(value_.is_number_integer(), ErrorCode::kFile, where_, ": ", shown(),
            " is no whole number");
    return static_cast<Integer>(number(low, high));
  }
  // Exact: a double holds 53 bits of the 64.
  std::uint64_t seed() const {
    require(value_.is_number_integer(), ErrorCode::kFile, where_, ": ", shown(),
            " is no whole number in 0..", std::numeric_limits<std::uint64_t>::max());
    return seed_from(value_);
  }
  bool flag() const {
    require(value_.is_boolean(), ErrorCode::kFile, where_, ": ", shown(), " is not true or false");
    return value_.get<bool>();
  }
  const json& raw() const { return value_; }

 private:
  std::string shown() const { return json_shown(value_); }

  const json& value_;
  std::string where_;
};

constexpr double kMaxSeconds = 1e9;
constexpr double kMaxCalls = 1e15;

ClipTimes times_from(const Value& value) {
  const auto seconds = [&](const char* field) { return value.at(field).number(0.0, kMaxSeconds); };
  return {.text = seconds("text_seconds"),
          .denoise = seconds("denoise_seconds"),
          .attention = seconds("attention_seconds"),
          .vae = seconds("vae_seconds")};
}

AttentionUse use_from(const Value& value) {
  AttentionUse use{
      .sparse_calls = value.at("sparse").integer<std::int64_t>(0, kMaxCalls),
      .planned_dense_calls = value.at("planned_dense").integer<std::int64_t>(0, kMaxCalls)};
  const Value fallbacks = value.at("fallbacks");
  for (const auto& [reason, calls] : fallbacks.raw().items()) {
    use.fallbacks[reason] = fallbacks.at(reason.c_str()).integer<std::int64_t>(0, kMaxCalls);
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
                 .cfg = value.at("cfg").number(1.0, 100.0),
                 .sampler = value.at("sampler").text(),
                 .dtype = report.dtype};
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

std::vector<PredictedMeasured> read_probes(const fs::path& plan) {
  const fs::path file = search_record_file(plan);
  std::error_code code;
  std::vector<PredictedMeasured> probes;
  if (!fs::is_regular_file(file, code)) {
    return probes;
  }
  const json document = json_tree<json>(read_text(file, kMaxRecordBytes), file.string());
  const Value value(document, file.string() + ":");
  if (!value.has("probes")) {
    return probes;
  }
  constexpr std::size_t kMostProbes = 4096;
  constexpr double kMost = std::numeric_limits<double>::max();
  for (const Value& probe : value.at("probes").list(kMostProbes)) {
    probes.push_back({.name = probe.at("name").text(),
                      .predicted = probe.at("predicted_error").number(0.0, kMost),
                      .measured_mse = probe.at("clip_mse").number(0.0, kMost)});
  }
  return probes;
}

}  // namespace twill::jobs
