// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "profile_json.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "checked_json.h"
#include "checks.h"
#include "facts_json.h"
#include "json_text.h"
#include "pattern_json.h"
#include "shortest.h"
#include "twill/plan/base64.h"
#include "twill/plan/outputs.h"
#include "twill/plan/plan_facts.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/text.h"
#include "twill/plan/whole_files.h"

namespace twill {
namespace {

static_assert(std::endian::native == std::endian::little,
              "arrays stand in files as they do in memory");

constexpr std::uint64_t kMostProfileBytes = std::uint64_t{1} << 30;

// {"shape": [8, 1, 48, 96], "float32": "base64..."}. The shape is known from the rest of the
// profile, and the text's length from the shape, before memory is taken for the array.
template <typename T>
std::vector<T> read_array(const JsonValue& value, const char* type,
                          const std::vector<std::size_t>& shape) {
  value.check_fields({"shape", type});
  const JsonValue stored = value.at("shape");
  const std::size_t axes = stored.size_up_to(shape.size());
  std::size_t count = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i >= axes) {
      stored.fail(axes, " axes, not ", shape.size());
    }
    const JsonValue axis = stored[i];
    if (axis.as_int64() != static_cast<std::int64_t>(shape[i])) {
      axis.fail(axis.shown(), " is not ", shape[i]);
    }
    count *= shape[i];
  }
  const JsonValue data = value.at(type);
  const std::string& text = data.as_string();
  const std::size_t bytes = count * sizeof(T);
  if (text.size() != base64_length(bytes)) {
    data.fail(text.size(), " characters of base64, not the ", base64_length(bytes), " of ", count,
              " values");
  }
  std::vector<T> values(count);
  if (!from_base64(text, {reinterpret_cast<std::uint8_t*>(values.data()), bytes})) {
    data.fail("it is not base64");
  }
  return values;
}

template <typename T>
std::string array_text(const std::vector<T>& values, const char* type,
                       const std::vector<std::size_t>& shape) {
  std::vector<std::string> axes;
  std::transform(shape.begin(), shape.end(), std::back_inserter(axes),
                 [](std::size_t size) { return std::to_string(size); });
  return concat(
      "{\"shape\": ", one_line_array(axes), ", \"", type, "\": \"",
      to_base64({reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(T)}),
      "\"}");
}

struct Shapes {
  std::vector<std::size_t> head_error, gain, maps;
};

Shapes shapes_of(const Profile& profile) {
  const std::size_t times = profile.t.size(), experts = profile.model.experts.size();
  const auto map_size = static_cast<std::size_t>(profile.map_size);
  return {.head_error = {times, experts, profile.heads(), profile.candidates.size()},
          .gain = {times, experts, profile.heads()},
          .maps = {experts, profile.heads(), map_size, map_size}};
}

std::vector<double> read_numbers(const JsonValue& value, std::size_t most) {
  std::vector<double> numbers(value.size_up_to(most));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = value[i].as_number();
  }
  return numbers;
}

std::vector<std::string> numbers_text(const std::vector<double>& numbers) {
  std::vector<std::string> texts;
  std::transform(numbers.begin(), numbers.end(), std::back_inserter(texts), shortest);
  return texts;
}

CostTable read_cost(const JsonValue& value) {
  value.check_fields({"device", "kernel", "layout", "milliseconds"});
  return {.device = value.at("device").as_string(),
          .kernel = value.at("kernel").as_string(),
          .layout = read_layout(value.at("layout")),
          .milliseconds = read_numbers(value.at("milliseconds"), kMostPatterns)};
}

std::string cost_text(const CostTable& cost, std::size_t indent, const std::string& path) {
  ObjectWriter object(indent);
  object.add("device", quoted(cost.device, path + ".device"));
  object.add("kernel", quoted(cost.kernel, path + ".kernel"));
  object.add("layout", layout_text(cost.layout));
  object.add("milliseconds", one_line_array(numbers_text(cost.milliseconds)));
  return object.text();
}

}  // namespace

std::int32_t minor_of(const Profile& profile) {
  return std::max({profile.schema_minor, has_facts(profile) ? kFactsMinor : 0,
                   profile.int8_error.empty() ? 0 : kPrecisionMinor});
}

Profile read_profile_value(const JsonValue& value, std::int32_t schema_minor) {
  Profile profile;
  profile.schema_minor = schema_minor;
  profile.newer_fields =
      read_newer_fields(value, schema_minor,
                        {"schema_version", "model", "layout", "candidates", "t", "prompts", "seeds",
                         "head_error", "gain", "maps", "cost", "provenance"},
                        {{"run", kFactsMinor},
                         {"expert_boundary", kFactsMinor},
                         {"time_weight", kFactsMinor},
                         {"int8_error", kPrecisionMinor}});
  profile.model = read_model(value.at("model"));
  check_model_at(profile.model, value.at("model").path());
  profile.layout = read_layout(value.at("layout"));
  profile.candidates = read_patterns(value.at("candidates"));
  profile.t = read_numbers(value.at("t"), kMostTimes);
  if (const auto prompts = value.find("prompts")) {
    profile.prompts.resize(prompts->size_up_to(kMostPrompts));
    for (std::size_t i = 0; i < profile.prompts.size(); ++i) {
      profile.prompts[i] = (*prompts)[i].as_string();
    }
  }
  if (const auto seeds = value.find("seeds")) {
    profile.seeds.resize(seeds->size_up_to(kMostPrompts));
    for (std::size_t i = 0; i < profile.seeds.size(); ++i) {
      profile.seeds[i] = (*seeds)[i].as_seed();
    }
  }
  const std::optional<JsonValue> maps = value.find("maps");
  if (maps) {
    const JsonValue shape = maps->at("shape");
    if (shape.size_up_to(4) != 4) {
      shape.fail(shape.raw().size(), " axes, not 4");
    }
    profile.map_size = shape[3].as_int();
    if (profile.map_size < 1 || profile.map_size > kMostMapSize) {
      shape[3].fail(profile.map_size, " is outside 1..", kMostMapSize);
    }
  }
  const Shapes shapes = shapes_of(profile);
  profile.head_error = read_array<float>(value.at("head_error"), "float32", shapes.head_error);
  profile.gain = read_array<float>(value.at("gain"), "float32", shapes.gain);
  if (const auto rounding = value.find("int8_error")) {
    profile.int8_error = read_array<float>(*rounding, "float32", shapes.gain);
  }
  if (maps) {
    profile.maps = read_array<std::uint8_t>(*maps, "uint8", shapes.maps);
  }
  if (const auto cost = value.find("cost")) {
    profile.cost = read_cost(*cost);
  }
  read_facts(value, profile);
  profile.provenance = read_provenance(value);
  check_profile_at(profile, value.path());
  return profile;
}

std::string profile_text(const Profile& profile, std::size_t indent, std::string_view path,
                         bool own_file) {
  const Shapes shapes = shapes_of(profile);
  ObjectWriter object(indent);
  if (own_file) {
    object.add("schema_version", schema_version_text(minor_of(profile)));
  }
  object.add("model", model_text(profile.model, join_path(path, "model")));
  object.add("layout", layout_text(profile.layout));
  object.add("candidates", patterns_text(profile.candidates, indent + 2));
  object.add("t", one_line_array(numbers_text(profile.t)));
  std::vector<std::string> prompts;
  for (const std::string& prompt : profile.prompts) {
    prompts.push_back(quoted(prompt, concat(join_path(path, "prompts"), "[", prompts.size(), "]")));
  }
  object.add("prompts", lines_array(prompts, indent + 2));
  std::vector<std::string> seeds;
  for (const std::uint64_t seed : profile.seeds) {
    seeds.push_back(std::to_string(seed));
  }
  object.add("seeds", one_line_array(seeds));
  object.add("head_error", array_text(profile.head_error, "float32", shapes.head_error));
  object.add("gain", array_text(profile.gain, "float32", shapes.gain));
  if (!profile.int8_error.empty()) {
    object.add("int8_error", array_text(profile.int8_error, "float32", shapes.gain));
  }
  if (profile.map_size > 0) {
    object.add("maps", array_text(profile.maps, "uint8", shapes.maps));
  }
  if (!profile.cost.milliseconds.empty()) {
    object.add("cost", cost_text(profile.cost, indent + 2, join_path(path, "cost")));
  }
  add_facts(profile, indent, path, object);
  object.add("provenance", provenance_text(profile.provenance, indent + 2, path));
  for (const auto& [name, text] : profile.newer_fields) {
    object.add(name, text);
  }
  return object.text();
}

Profile parse_profile(std::string_view text, const std::string& file_name) {
  const nlohmann::json tree = parse_checked_json(text, file_name);
  const JsonValue root(tree, file_name);
  return read_profile_value(root, read_schema_minor(root));
}

std::string profile_to_json(const Profile& profile) {
  check_profile_at(profile, "");
  return profile_text(profile, 0, "", true) + "\n";
}

Profile read_profile(const std::filesystem::path& file) {
  return parse_profile(read_text(file, kMostProfileBytes), file.string());
}

void write_profile(const std::filesystem::path& file, const Profile& profile) {
  check_replaceable(file, OutputKind::kProfile);
  const std::string text = profile_to_json(profile);
  require(text.size() <= kMostProfileBytes, ErrorCode::kFile, file.string(), ": ", text.size(),
          " bytes are more than a profile's ", kMostProfileBytes);
  write_file(file, text);
}

}  // namespace twill
