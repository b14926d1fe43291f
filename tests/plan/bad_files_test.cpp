// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Every refusal of a plan or profile file, by its whole message.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "plan/sample_plans.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

namespace twill {
namespace {

using nlohmann::json;

std::string message_of(const std::function<void()>& call, ErrorCode code = ErrorCode::kFile) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "";
}

struct BadField {
  std::string why;
  std::string at;  // JSON pointer into the full sample plan
  json value;
  std::string message;  // after "p.json: "
};
void PrintTo(const BadField& row, std::ostream* out) { *out << row.why; }

const BadField kBadFields[] = {
    {"unknown_pattern", "/patterns/3/kind", "zigzag",
     R"(patterns[3].kind: unknown pattern "zigzag")"},
    {"negative_window", "/patterns/6/frames", -1, "patterns[6].frames: -1 is negative"},
    {"negative_reach", "/patterns/3/reach", -0.5, "patterns[3].reach: -0.5 is negative"},
    {"fraction_over_one", "/patterns/6/rows", 1.5, "patterns[6].rows: 1.5 is outside 0..1"},
    {"offset_outside", "/patterns/6/offset_cols", -1.25,
     "patterns[6].offset_cols: -1.25 is outside -1..1"},
    {"text_for_a_number", "/patterns/3/reach", "wide",
     R"(patterns[3].reach: "wide" is not a number)"},
    {"no_whole_number", "/patterns/6/frames", 1.5, "patterns[6].frames: 1.5 is not a whole number"},
    {"huge_number", "/patterns/6/frames", 1e18, "patterns[6].frames: 1e+18 is not a whole number"},
    {"frames_over_int32", "/patterns/6/frames", 2147483648,
     "patterns[6].frames: 2147483648 is more than 2147483647"},
    {"unknown_field", "/patterns/3/width", 3, R"(patterns[3]: unknown field "width")"},
    {"order_of_dense", "/patterns/0/order", "raster", R"(patterns[0]: unknown field "order")"},
    {"unknown_order", "/patterns/3/order", "spiral",
     R"(patterns[3].order: unknown token order "spiral")"},
    {"tile_of_nothing", "/patterns/3/order", "tiles 4x0x4",
     "patterns[3].order: tiles 4x0x4 has a side outside 1..4096"},
    {"union_of_one", "/patterns/7/parts", json::array({{{"kind", "diagonal"}, {"reach", 1}}}),
     "patterns[7].parts: a union has 2..16 parts, not 1"},
    {"union_of_union",
     "/patterns/7/parts/0",
     {{"kind", "union"}},
     "patterns[7].parts[0].kind: a union has no part of kind union"},
    {"empty_box", "/patterns/5/boxes/0/frame_end", 0,
     "patterns[5].boxes[0].frame_end: 0 is not above the begin, 0"},
    {"no_boxes", "/patterns/5/boxes", json::array(),
     "patterns[5].boxes: a stripe needs at least one box"},
    {"pattern_outside", "/segments/0/heads/high_noise/double_blocks/0/1", 9,
     "segments[0].heads.high_noise.double_blocks[0][1]: pattern 9 is not one of 0..7"},
    {"negative_pattern", "/segments/0/heads/low_noise/single_blocks/1/2", -1,
     "segments[0].heads.low_noise.single_blocks[1][2]: pattern -1 is not one of 0..7"},
    {"unknown_precision",
     "/segments/0/heads/low_noise/single_blocks/1/2",
     {{"pattern", 1}, {"precision", "int3"}},
     R"(segments[0].heads.low_noise.single_blocks[1][2].precision: unknown precision "int3")"},
    {"too_few_heads", "/segments/0/heads/high_noise/double_blocks/0", json::array({0}),
     "segments[0].heads.high_noise.double_blocks[0]: 1 heads, but the stack has 2"},
    {"too_many_layers", "/segments/0/heads/high_noise/double_blocks",
     json::array({json::array(), json::array()}),
     "segments[0].heads.high_noise.double_blocks: 2 layers, but the stack has 1"},
    {"unknown_expert", "/segments/0/heads/third", json::object(),
     R"(segments[0].heads: unknown field "third")"},
    {"heads_of_a_dense_segment", "/segments/2/heads", json::object(),
     "segments[2].heads: a dense segment has none"},
    {"gap_between_segments", "/segments/1/t_begin", 0.5,
     "segments[1].t_begin: 0.5 leaves a gap above 0.3"},
    {"no_layers", "/model/stacks/0/layers", 0, "model.stacks[0].layers: 0 is outside 1..1024"},
    {"heads_for_gigabytes", "/model/stacks/0/heads", 2000000000,
     "model.stacks[0].heads: 2000000000 is outside 1..1024"},
    {"expert_twice", "/model/experts", {"a", "a"}, R"(model.experts[1]: "a" is there twice)"},
    {"wrong_major", "/schema_version", "2.0",
     "schema_version: version 2.0 is not readable here; this is for 1.x"},
    {"no_version", "/schema_version", "one",
     R"(schema_version: "one" is not a version such as "1.2")"},
    {"version_as_number", "/schema_version", 1.0, "schema_version: 1 is not a text"},
    {"unknown_top_field", "/licence", "mine", R"(unknown field "licence")"},
    {"no_segments", "/segments", json::array(), "segments: there are none"},
    {"provenance_number", "/provenance/source", 3, "provenance.source: 3 is not a text"},
    {"shape_of_another_size", "/profile/head_error/shape/0", 3,
     "profile.head_error.shape[0]: 3 is not 2"},
    {"claim_of_gigabytes",
     "/profile/maps/shape",
     {2, 8, 1000, 1000},
     "profile.maps.uint8: 192 characters of base64, not the 21333336 of 16000000 values"},
    {"seed_over_64_bits", "/profile/seeds/1", 18446744073709551616.0,
     "profile.seeds[1]: 18446744073709551616 is not a whole number"},
    {"seed_of_text", "/profile/seeds/1", "7", R"(profile.seeds[1]: "7" is not a whole number)"},
    {"map_too_large",
     "/profile/maps/shape",
     {2, 8, 3, 5000},
     "profile.maps.shape[3]: 5000 is outside 1..1024"},
    {"not_base64", "/profile/gain/float32", std::string(172, '!'),
     "profile.gain.float32: it is not base64"},
    {"rising_times", "/profile/t", {0.1, 0.9}, "profile.t[1]: 0.9 is not below the one before"},
    {"no_frames", "/profile/layout/frames", 0, "profile.layout.frames: 0 is less than 1"},
    {"tokens_for_gigabytes", "/profile/layout/rows", 100000000,
     "profile.layout.rows: 100000000 makes more than 16777216 tokens"},
};

class BadFields : public ::testing::TestWithParam<BadField> {};

TEST_P(BadFields, AreNamedWithPathAndValue) {
  json plan = json::parse(plan_to_json(test::full_plan()));
  plan[json::json_pointer(GetParam().at)] = GetParam().value;
  EXPECT_EQ(message_of([&] { parse_plan(plan.dump(), "p.json"); }),
            "p.json: " + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(Plan, BadFields, ::testing::ValuesIn(kBadFields),
                         [](const auto& row) { return row.param.why; });

const BadField kBadFacts[] = {
    {"facts_of_an_older_version", "/schema_version", "1.0", R"(unknown field "budget")"},
    {"run_of_text", "/solved_for", "20 steps", "solved_for: \"20 steps\" is not an object"},
    {"unknown_field_of_a_run", "/solved_for/cfg", 3, R"(solved_for: unknown field "cfg")"},
    {"no_times", "/solved_for/t", json::array(), "solved_for.t: there are none"},
    {"time_of_text", "/solved_for/t/1", "0.5", R"(solved_for.t[1]: "0.5" is not a number)"},
    {"time_outside", "/solved_for/t/0", 1000, "solved_for.t[0]: 1000 is outside 0..1"},
    {"rising_run", "/solved_for/t/2", 0.8, "solved_for.t[2]: 0.8 is above the one before"},
    {"times_for_gigabytes", "/solved_for/t", std::vector<double>(8193, 0.5),
     "solved_for.t: 8193 entries are more than 8192"},
    {"expert_of_few_times", "/profile/run/expert", {0, 1}, "profile.run.expert: 2 values, not 5"},
    {"expert_of_no_model", "/profile/run/expert/4", 2,
     "profile.run.expert[4]: 2 is not one of 0..1"},
    {"weight_of_few_times", "/profile/run/weight", json::array({1}),
     "profile.run.weight: 1 values, not 5"},
    {"negative_weight", "/profile/run/weight/1", -0.5,
     "profile.run.weight[1]: -0.5 is not a finite number of at least 0"},
    {"sampler_of_nothing", "/solved_for/sampler", "", "solved_for.sampler: it is empty"},
    {"long_sampler", "/solved_for/sampler", std::string(65, 'x'),
     "solved_for.sampler: 65 bytes are more than 64"},
    {"scheduler_of_two_lines", "/solved_for/scheduler", "a\nb",
     "solved_for.scheduler: the text holds a control character"},
    {"scheduler_number", "/solved_for/scheduler", 1, "solved_for.scheduler: 1 is not a text"},
    {"no_shift", "/solved_for/shift", 0, "solved_for.shift: 0 is not a finite number above 0"},
    {"shift_of_text", "/solved_for/shift", "3", R"(solved_for.shift: "3" is not a number)"},
    {"grid_of_nothing", "/solved_for/grid/rows", 0, "solved_for.grid.rows: 0 is less than 1"},
    {"grid_of_text", "/solved_for/grid", "13x20x24",
     "solved_for.grid: \"13x20x24\" is not an object"},
    {"no_steps", "/solved_for/steps", 0, "solved_for.steps: 0 is outside 1..1000"},
    {"half_a_step", "/solved_for/steps", 2.5, "solved_for.steps: 2.5 is not a whole number"},
    {"unknown_goal", "/budget/goal", "beauty", R"(budget.goal: unknown goal "beauty")"},
    {"too_much_of_a_share",
     "/budget",
     {{"goal", "attention_share"}, {"value", 1.5}},
     "budget.value: 1.5 is not in (0, 1]"},
    {"negative_psnr", "/budget/value", -30, "budget.value: -30 is not in (0, 1000]"},
    {"budget_of_text", "/budget", "density 0.4", "budget: \"density 0.4\" is not an object"},
    {"density_over_one", "/budget/density", 1.5, "budget.density: 1.5 is outside 0..1"},
    {"negative_layers", "/dense_first_layers", -1, "dense_first_layers: -1 is outside 0..3"},
    {"layers_of_text", "/dense_first_layers", "2",
     R"(dense_first_layers: "2" is not a whole number)"},
    {"fixed_head_of_no_stack", "/fixed_heads/0/stack", "blocks",
     R"(fixed_heads[0].stack: the model has no stack "blocks")"},
    {"fixed_head_of_no_expert", "/fixed_heads/1/expert", "default",
     R"(fixed_heads[1].expert: the model has no expert "default")"},
    {"fixed_head_of_no_layer", "/fixed_heads/1/layer", 1,
     "fixed_heads[1].layer: 1 is not one of 0..0"},
    {"fixed_head_outside", "/fixed_heads/0/head", 3, "fixed_heads[0].head: 3 is not one of 0..2"},
    {"fixed_head_twice",
     "/fixed_heads/1",
     {{"expert", "high_noise"}, {"stack", "single_blocks"}, {"layer", 1}, {"head", 2}},
     "fixed_heads[1]: the head of layer 1 and head 2 is there twice"},
    {"fixed_heads_of_text", "/fixed_heads", "0:7", R"(fixed_heads: "0:7" is not an array)"},
    {"boundary_outside", "/expert_boundary", 875, "expert_boundary: 875 is outside 0..1"},
    {"boundary_of_a_profile", "/profile/expert_boundary", -0.5,
     "profile.expert_boundary: -0.5 is outside 0..1"},
    {"falling_time_weight",
     "/profile/time_weight/t",
     {0.5, 0.25, 1},
     "profile.time_weight.t[1]: 0.25 is not above the one before"},
    {"too_few_time_weights", "/profile/time_weight/weight", json::array({1}),
     "profile.time_weight.weight: 1 values, not 3"},
    {"negative_time_weight", "/profile/time_weight/weight/2", -1,
     "profile.time_weight.weight[2]: -1 is not a finite number of at least 0"},
    {"time_weight_of_text", "/profile/time_weight", "{}",
     "profile.time_weight: \"{}\" is not an object"},
};

class BadFacts : public ::testing::TestWithParam<BadField> {};

TEST_P(BadFacts, AreNamedWithPathAndValue) {
  json plan = json::parse(plan_to_json(test::solved_plan()));
  plan[json::json_pointer(GetParam().at)] = GetParam().value;
  EXPECT_EQ(message_of([&] { parse_plan(plan.dump(), "p.json"); }),
            "p.json: " + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(Plan, BadFacts, ::testing::ValuesIn(kBadFacts),
                         [](const auto& row) { return row.param.why; });

const BadField kBadPrecisions[] = {
    {"error_of_an_older_version", "/schema_version", "1.1",
     R"(profile: unknown field "int8_error")"},
    {"precision_of_another_case",
     "/segments/0/heads/low_noise/single_blocks/1/2",
     {{"pattern", 1}, {"precision", "INT8"}},
     R"(segments[0].heads.low_noise.single_blocks[1][2].precision: unknown precision "INT8")"},
    {"precision_as_number",
     "/segments/0/heads/low_noise/single_blocks/1/2",
     {{"pattern", 1}, {"precision", 8}},
     "segments[0].heads.low_noise.single_blocks[1][2].precision: 8 is not a text"},
    {"errors_of_few_heads", "/profile/int8_error/shape/2", 4,
     "profile.int8_error.shape[2]: 4 is not 8"},
    {"errors_of_text", "/profile/int8_error", "none",
     "profile.int8_error: \"none\" is not an object"},
    // 32 floats, each 0xffffffff
    {"error_that_is_no_number", "/profile/int8_error/float32", std::string(170, '/') + "8=",
     "profile.int8_error[0]: -nan is not a finite number of at least 0"},
};

class BadPrecisions : public ::testing::TestWithParam<BadField> {};

TEST_P(BadPrecisions, AreNamedWithPathAndValue) {
  json plan = json::parse(plan_to_json(test::precise_plan()));
  plan[json::json_pointer(GetParam().at)] = GetParam().value;
  EXPECT_EQ(message_of([&] { parse_plan(plan.dump(), "p.json"); }),
            "p.json: " + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(Plan, BadPrecisions, ::testing::ValuesIn(kBadPrecisions),
                         [](const auto& row) { return row.param.why; });

struct BadText {
  std::string why;
  std::string text;
  std::string message;
};
void PrintTo(const BadText& row, std::ostream* out) { *out << row.why; }

const BadText kBadTexts[] = {
    {"empty", "", ""},
    {"truncated", R"({"schema_version": "1.0", "name": "x)", ""},
    {"not_a_number", R"({"a": NaN})", ""},
    {"two_values", "{} {}", ""},
    {"bytes", "\xff\xfe", ""},
    {"no_object", "[1, 2]", ""},
    {"field_twice", R"({"name": "a", "name": "b"})", R"(p.json: field "name" is there twice)"},
    {"deep", std::string(40, '['),
     "p.json: [0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper than 16"},
    {"name_missing", R"({"schema_version": "1.0"})", R"(p.json: field "name" is missing)"},
};

class BadTexts : public ::testing::TestWithParam<BadText> {};

TEST_P(BadTexts, GetOneClearSentence) {
  const std::string message = message_of([&] { parse_plan(GetParam().text, "p.json"); });
  EXPECT_EQ(message.substr(0, 8), "p.json: ");
  EXPECT_EQ(message.find('\n'), std::string::npos);
  if (!GetParam().message.empty()) {
    EXPECT_EQ(message, GetParam().message);
  }
}

INSTANTIATE_TEST_SUITE_P(Plan, BadTexts, ::testing::ValuesIn(kBadTexts),
                         [](const auto& row) { return row.param.why; });

TEST(BadTexts, SayLineAndColumn) {
  EXPECT_EQ(message_of([] { parse_plan("{\n  \"name\": tru\n}", "p.json"); }).substr(0, 26),
            "p.json: line 2, column 14:");
}

TEST(BadFiles, NothingIsLeftWhereNothingCanBeWritten) {
  const auto folder = std::filesystem::temp_directory_path() / "twill-no-such-folder";
  std::filesystem::remove_all(folder);
  const std::string file = (folder / "plan.json").string();
  EXPECT_EQ(message_of([&] { write_plan(file, test::small_plan()); }, ErrorCode::kSystem)
                .substr(0, file.size()),
            file);
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST(BadFiles, ALargeFileIsRefusedByItsSize) {
  const auto file = std::filesystem::temp_directory_path() / "twill-large-plan.json";
  std::ofstream(file).put('{');
  std::filesystem::resize_file(file, (std::uint64_t{64} << 20) + 1);
  const std::string message = message_of([&] { read_plan(file); });
  std::filesystem::remove(file);
  EXPECT_NE(message.find("67108865 bytes"), std::string::npos) << message;
}

TEST(BadFiles, APlanOfAnotherModelSaysWhatDiffers) {
  ModelShape model = test::small_plan().model;
  model.stacks[0].heads = 12;
  EXPECT_EQ(
      message_of([&] { check_plan_fits(test::small_plan(), model); }, ErrorCode::kModel),
      "plan.model.stacks: blocks 2 layers x 3 heads is not the model's blocks 2 layers x 12 heads");
}

}  // namespace
}  // namespace twill
