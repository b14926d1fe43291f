// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "json.h"

#include <cmath>
#include <limits>

#include "session.h"

namespace twill::jobs {

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

double number_from(const json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::infinity();
}

json or_null(const std::optional<double>& value) { return value ? number(*value) : json(nullptr); }

json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

std::uint64_t seed_from(const json& value) {
  return value.is_number_unsigned() ? value.get<std::uint64_t>()
                                    : static_cast<std::uint64_t>(value.get<std::int64_t>());
}

json measured_with(const std::string& model, const std::string& device, const std::string& dtype,
                   const ClipSettings& clip) {
  return {{"model", model},         {"device", device},         {"dtype", dtype},
          {"twill", TWILL_VERSION}, {"torch", torch_version()}, {"sampler", *clip.sampler},
          {"shift", *clip.shift},   {"steps", *clip.steps},     {"width", *clip.width},
          {"height", *clip.height}, {"frames", *clip.frames}};
}

json to_json_value(const ClipTimes& times) {
  return {{"text_seconds", times.text},
          {"denoise_seconds", times.denoise},
          {"attention_seconds", times.attention},
          {"vae_seconds", times.vae}};
}

json to_json_value(const AttentionUse& use) {
  json fallbacks = json::object();
  for (const auto& [reason, calls] : use.fallbacks) {
    fallbacks[reason] = calls;
  }
  return {{"sparse", use.sparse_calls},
          {"planned_dense", use.planned_dense_calls},
          {"fallbacks", fallbacks}};
}

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
    value["speedup"] =
        took_part(row.attention) ? json(row.dense.denoise / row.sparse.denoise) : json(nullptr);
  }
  return value;
}

ClipTimes clip_times_from(const json& value) {
  return {.text = value.at("text_seconds").get<double>(),
          .denoise = value.at("denoise_seconds").get<double>(),
          .attention = value.at("attention_seconds").get<double>(),
          .vae = value.at("vae_seconds").get<double>()};
}

AttentionUse attention_use_from(const json& value) {
  AttentionUse use{.sparse_calls = value.at("sparse").get<std::int64_t>(),
                   .planned_dense_calls = value.at("planned_dense").get<std::int64_t>()};
  for (const auto& [reason, calls] : value.at("fallbacks").items()) {
    use.fallbacks[reason] = calls.get<std::int64_t>();
  }
  return use;
}

EvaluateRow evaluate_row_from(const json& value) {
  EvaluateRow row{.prompt = value.at("prompt").get<std::string>(),
                  .seed = seed_from(value.at("seed")),
                  .quality = {.psnr_db = number_from(value.at("psnr_db")),
                              .ssim = value.at("ssim").get<double>()},
                  .timed = value.at("timed").get<bool>(),
                  .density = value.at("density").get<double>(),
                  .attention = attention_use_from(value.at("attention_calls"))};
  for (const json& frame : value.at("psnr_db_frames")) {
    row.psnr_db_frames.push_back(number_from(frame));
  }
  if (row.timed) {
    row.dense = clip_times_from(value.at("dense"));
    row.sparse = clip_times_from(value.at("sparse"));
  }
  return row;
}

}  // namespace twill::jobs
