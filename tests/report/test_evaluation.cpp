// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "evaluation_rows.h"
#include "jobs/scratch_folder.h"

namespace twill::report {
namespace {

EvaluateRow timed_row(double psnr_db, double ssim, double dense, double dense_attention,
                      double sparse, double sparse_attention) {
  EvaluateRow row{.prompt = "a red ball", .seed = 7, .quality = {psnr_db, ssim}, .timed = true};
  row.dense = {.text = 0.25, .denoise = dense, .attention = dense_attention, .vae = 2.0};
  row.sparse = {.text = 0.25, .denoise = sparse, .attention = sparse_attention, .vae = 4.0};
  return row;
}

EvaluateReport example() {
  EvaluateReport report{.rows = {timed_row(30.0, 0.9, 10.0, 8.0, 4.0, 2.0),
                                 timed_row(20.0, 0.7, 14.0, 8.0, 4.0, 2.0)}};
  report.rows.push_back({.prompt = "a blue ball", .seed = 9, .quality = {25.0, 0.8}});
  report.clip = {.width = 256,
                 .height = 192,
                 .frames = 49,
                 .steps = 20,
                 .shift = 3.0,
                 .cfg = 1.0,
                 .sampler = "euler"};
  report.density = 0.375;
  report.model = "demo 0123";
  report.plan = "plan.json";
  report.dtype = "float32";
  report.device = "a CPU";
  return report;
}

TEST(Summary, adds_up_the_timed_rows_and_averages_the_quality_of_all) {
  const EvaluateSummary summary = summarise(example().rows);
  EXPECT_DOUBLE_EQ(summary.psnr_db, 25.0);
  EXPECT_DOUBLE_EQ(summary.psnr_db_worst, 20.0);
  EXPECT_DOUBLE_EQ(summary.ssim, 0.8);
  EXPECT_EQ(summary.timed, 2u);
  EXPECT_DOUBLE_EQ(summary.dense_seconds, 12.0);
  EXPECT_DOUBLE_EQ(summary.sparse_seconds, 4.0);
  EXPECT_DOUBLE_EQ(summary.speedup.value(), 24.0 / 8.0);
  EXPECT_DOUBLE_EQ(summary.attention_speedup.value(), 16.0 / 4.0);
  EXPECT_DOUBLE_EQ(summary.attention_share, 16.0 / 24.0);
  EXPECT_DOUBLE_EQ(summary.vae_seconds, 3.0);
}

// What the plan leaves out, told from what the kernels are faster by.
TEST(Summary, speed_up_over_our_own_dense_kernel_needs_it_of_every_timed_row) {
  EvaluateReport report = example();
  EXPECT_FALSE(summarise(report.rows).speedup_over_own_dense);
  EXPECT_TRUE(nlohmann::json::parse(to_json(report))["speedup_over_own_dense"].is_null());
  report.rows[0].own_dense = {.denoise = 6.0, .attention = 4.0};
  EXPECT_FALSE(summarise(report.rows).speedup_over_own_dense);
  EXPECT_EQ(summarise(report.rows).own_dense_seconds, 0.0);
  report.rows[1].own_dense = {.denoise = 10.0, .attention = 6.0};
  const EvaluateSummary summary = summarise(report.rows);
  EXPECT_DOUBLE_EQ(summary.own_dense_seconds, 8.0);
  EXPECT_DOUBLE_EQ(summary.speedup_over_own_dense.value(), 16.0 / 8.0);
  EXPECT_DOUBLE_EQ(summary.attention_speedup_over_own_dense.value(), 10.0 / 4.0);
  const nlohmann::json value = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(value["speedup_over_own_dense"], 2.0);
  EXPECT_EQ(evaluate_row_from(value["rows"][1]).own_dense.attention, 6.0);
}

TEST(Report, tells_what_it_was_told_of_its_run) {
  EvaluateReport report = example();
  EXPECT_FALSE(nlohmann::json::parse(to_json(report)).contains("run"));
  report.facts = {{"command", "twill evaluate"}};
  EXPECT_EQ(nlohmann::json::parse(to_json(report))["run"]["command"], "twill evaluate");
}

TEST(Report, has_every_field_of_the_design) {
  const nlohmann::json report = nlohmann::json::parse(to_json(example()));
  for (const char* field :
       {"density",         "psnr_db",        "psnr_db_worst",  "ssim",
        "dense_seconds",   "sparse_seconds", "speedup",        "attention_speedup",
        "attention_share", "vae_seconds",    "search_seconds", "dtype",
        "device",          "sampler",        "shift",          "steps",
        "seeds",           "prompts",        "model",          "metric"}) {
    EXPECT_TRUE(report.contains(field)) << field;
  }
  EXPECT_EQ(report["seeds"], (std::vector<int>{7, 7, 9}));
  EXPECT_EQ(report["rows"].size(), 3u);
  EXPECT_DOUBLE_EQ(report["rows"][0]["speedup"].get<double>(), 2.5);
  EXPECT_FALSE(report["rows"][2].contains("dense"));
  EXPECT_TRUE(report["search_seconds"].is_null());
}

TEST(Report, times_that_were_not_measured_are_null) {
  EvaluateReport report = example();
  report.rows = {report.rows[2]};
  const nlohmann::json value = nlohmann::json::parse(to_json(report));
  EXPECT_TRUE(value["speedup"].is_null());
  EXPECT_TRUE(value["dense_seconds"].is_null());
  EXPECT_EQ(value["timed_prompts"], 0);
}

TEST(Report, a_guidance_of_two_experts_survives_being_stored) {
  const tests::ScratchFolder folder;
  EvaluateReport report = example();
  report.layout = {.frames = 13, .rows = 12, .cols = 16};
  for (const Guidance& guidance : {Guidance(4.0), Guidance(4.0, 3.0)}) {
    report.clip.cfg = guidance;
    std::ofstream(folder / "report.json") << to_json(report);
    const Guidance read = read_evaluate_report(folder / "report.json").clip.cfg.value();
    EXPECT_EQ(read, guidance);
    EXPECT_EQ(read.second, guidance.second);
  }
}

TEST(Report, rows_survive_being_stored) {
  EvaluateRow row = timed_row(std::numeric_limits<double>::infinity(), 1.0, 10.0, 8.0, 4.0, 2.0);
  row.psnr_db_frames = {31.5, std::numeric_limits<double>::infinity()};
  row.density = 0.375;
  row.attention = {.sparse_calls = 3, .planned_dense_calls = 4, .fallbacks = {{"masked", 5}}};
  const EvaluateRow back = evaluate_row_from(to_json_value(row));
  EXPECT_EQ(to_json_value(back).dump(), to_json_value(row).dump());
  EXPECT_EQ(back.psnr_db_frames, row.psnr_db_frames);
  EXPECT_EQ(back.density, 0.375);
  EXPECT_TRUE(std::isinf(back.quality.psnr_db));
  EXPECT_EQ(back.attention.fallbacks.at("masked"), 5);
  EXPECT_FALSE(to_json_value(row)["attention_calls"].contains("int8"));
  EXPECT_EQ(back.dense.attention, 8.0);
}

TEST(Report, heads_in_int8_survive_being_stored) {
  EvaluateRow row = timed_row(30.0, 1.0, 10.0, 8.0, 4.0, 2.0);
  row.attention = {
      .sparse_calls = 3, .heads_with_keys = 12, .int8_heads = 5, .not_int8 = {{"no kernel", 4}}};
  const AttentionUse back = evaluate_row_from(to_json_value(row)).attention;
  EXPECT_EQ(back.heads_with_keys, 12);
  EXPECT_EQ(back.int8_heads, 5);
  EXPECT_EQ(back.not_int8.at("no kernel"), 4);
}

TEST(Report, the_psnr_of_equal_clips_is_null) {
  EvaluateReport report = example();
  report.rows = {timed_row(std::numeric_limits<double>::infinity(), 1.0, 10.0, 8.0, 4.0, 2.0)};
  const nlohmann::json value = nlohmann::json::parse(to_json(report));
  EXPECT_TRUE(value["psnr_db"].is_null());
  EXPECT_TRUE(value["psnr_db_worst"].is_null());
  EXPECT_TRUE(value["rows"][0]["psnr_db"].is_null());
  // As earlier versions wrote it.
  nlohmann::ordered_json row = to_json_value(report.rows[0]);
  row["psnr_db"] = "inf";
  EXPECT_TRUE(std::isinf(evaluate_row_from(row).quality.psnr_db));
}

TEST(Report, a_seed_of_64_bits_survives_being_stored) {
  EvaluateRow row = timed_row(30.0, 1.0, 10.0, 8.0, 4.0, 2.0);
  for (const std::uint64_t seed : {(std::uint64_t{1} << 53) + 1, ~std::uint64_t{0}}) {
    row.seed = seed;
    EXPECT_EQ(evaluate_row_from(nlohmann::ordered_json::parse(to_json_value(row).dump())).seed,
              seed);
  }
  nlohmann::ordered_json earlier = to_json_value(row);
  earlier["seed"] = -1;
  EXPECT_EQ(evaluate_row_from(earlier).seed, ~std::uint64_t{0});
}

}  // namespace
}  // namespace twill::report
