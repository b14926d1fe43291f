// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "profile_units.h"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "exact_text.h"
#include "twill/plan/error.h"
#include "twill/plan/json_dump.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"
#include "twill/plan/whole_files.h"

namespace twill::search {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kOptionsFile = "options.json";
constexpr std::uintmax_t kMostOptionsBytes = 64u << 20;
constexpr std::string_view kUnitMagic = "twill profile unit 1\n";

template <typename Numbers>
json texts(const Numbers& numbers) {
  json list = json::array();
  for (const auto number : numbers) {
    list.push_back(exact_text(static_cast<double>(number)));
  }
  return list;
}

json run_json(const RunFacts& run) {
  return {{"t", texts(run.t)},
          {"expert", run.expert},
          {"weight", texts(run.weight)},
          {"sampler", run.sampler.value_or("")},
          {"scheduler", run.scheduler.value_or("")},
          {"shift", run.shift ? exact_text(*run.shift) : ""},
          {"grid", run.grid},
          {"steps", run.steps}};
}

json options_json(const ProfilerOptions& options) {
  json candidates = json::array();
  for (const Pattern& pattern : options.candidates) {
    candidates.push_back(exact_text(pattern));
  }
  json t = json::array();
  for (const double time : options.t) {
    t.push_back(exact_text(time));
  }
  json asked{{"model", exact_text(options.model)}, {"layout", exact_text(options.layout)},
             {"candidates", candidates},           {"t", t},
             {"prompts", options.prompts},         {"seeds", options.seeds},
             {"rows of each unit", options.rows},  {"row_seed", options.row_seed},
             {"map_size", options.map_size},       {"map_queries", options.map_queries},
             {"provenance", options.provenance}};
  // Units of a run that nobody told are of no other kind than before.
  if (options.run) {
    asked["run"] = run_json(*options.run);
  }
  if (options.int8) {
    asked["int8"] = true;
  }
  if (options.expert_boundary) {
    asked["expert_boundary"] = exact_text(*options.expert_boundary);
  }
  return asked;
}

// Where two values differ, for people: the first entry of a list, the first field of an object.
std::string difference(const std::string& name, const json& was, const json& is) {
  if (was.is_array() && is.is_array()) {
    for (std::size_t i = 0; i < std::min(was.size(), is.size()); ++i) {
      if (was[i] != is[i]) {
        return difference(concat(name, "[", i, "]"), was[i], is[i]);
      }
    }
    return concat(name, " has ", was.size(), " entries and now ", is.size());
  }
  if (was.is_object() && is.is_object()) {
    for (const auto& [key, value] : is.items()) {
      if (!was.contains(key)) {
        return concat(name, ".", key, " was not there and now is ", json_shown(value));
      }
      if (was[key] != value) {
        return difference(concat(name, ".", key), was[key], value);
      }
    }
  }
  return concat(name, " was ", json_shown(was), " and now is ", json_shown(is));
}

// The arrays of a unit in the order of its file.
template <typename Sums>
auto arrays_of(Sums& sums) {
  return std::array{
      std::as_bytes(std::span(sums.error)), std::as_bytes(std::span(sums.norm)),
      std::as_bytes(std::span(sums.gain)),  std::as_bytes(std::span(sums.branches)),
      std::as_bytes(std::span(sums.map)),   std::as_bytes(std::span(sums.int8_error))};
}

std::string checksum_of(const UnitSums& sums) {
  Hash hash;
  for (const std::span<const std::byte> array : arrays_of(sums)) {
    hash.add(array);
  }
  return hash.hex();
}

UnitSums read_unit(const fs::path& file, UnitSums sums) {
  const auto damaged = [&](std::string_view why) {
    return Error(ErrorCode::kFile,
                 concat(file.string(), ": ", why, "; delete it to measure this unit again"));
  };
  std::uintmax_t expected = kUnitMagic.size() + checksum_of(sums).size();
  for (const std::span<const std::byte> array : arrays_of(sums)) {
    expected += array.size();
  }
  std::error_code code;
  const std::uintmax_t size = fs::file_size(file, code);
  if (code || size != expected) {
    throw damaged(concat(code ? 0 : size, " bytes, not the ", expected, " of a unit"));
  }
  std::ifstream in(file, std::ios::binary);
  std::string magic(kUnitMagic.size(), ' '), checksum(checksum_of(sums).size(), ' ');
  in.read(magic.data(), static_cast<std::streamsize>(magic.size()));
  in.read(checksum.data(), static_cast<std::streamsize>(checksum.size()));
  const auto read = [&](auto& values) {
    in.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(values[0])));
  };
  read(sums.error);
  read(sums.norm);
  read(sums.gain);
  read(sums.branches);
  read(sums.map);
  read(sums.int8_error);
  if (!in || magic != kUnitMagic) {
    throw damaged("no unit of a profile");
  }
  if (checksum != checksum_of(sums)) {
    throw damaged("its checksum does not match its values");
  }
  return sums;
}

}  // namespace

UnitSums::UnitSums(std::size_t heads, std::size_t candidates, std::size_t map_cells, bool int8)
    : error(heads * candidates),
      norm(heads),
      gain(heads),
      branches(heads),
      map(heads * map_cells),
      int8_error(int8 ? heads : 0) {}

UnitFolder::UnitFolder(fs::path folder, const ProfilerOptions& options)
    : folder_(std::move(folder)),
      times_(static_cast<std::int32_t>(options.t.size())),
      prompts_(static_cast<std::int32_t>(options.prompts.size())) {
  std::error_code code;
  fs::create_directories(folder_, code);
  require(!code, ErrorCode::kSystem, folder_.string(), ": cannot be made: ", code.message());
  const fs::path file = folder_ / kOptionsFile;
  const json now = options_json(options);
  if (!fs::exists(file, code)) {
    write_file(file, json_dump(now, 1) + "\n");
    return;
  }
  const json was = json_tree<json>(read_text(file, kMostOptionsBytes), file.string());
  if (was != now) {
    throw Error(ErrorCode::kFile,
                concat(file.string(), ": the kept profile was measured otherwise: ",
                       difference("options", was, now)));
  }
}

fs::path UnitFolder::file_of(const UnitKey& unit) const {
  return folder_ / concat("unit-", unit.first, "-", unit.second, ".bin");
}

std::map<UnitKey, UnitSums> UnitFolder::read_all(const UnitSums& empty) const {
  std::map<UnitKey, UnitSums> units;
  for (std::int32_t time = 0; time < times_; ++time) {
    for (std::int32_t prompt = 0; prompt < prompts_; ++prompt) {
      const UnitKey unit{time, prompt};
      std::error_code code;
      if (fs::exists(file_of(unit), code)) {
        units.emplace(unit, read_unit(file_of(unit), empty));
      }
    }
  }
  return units;
}

void UnitFolder::write(const UnitKey& unit, const UnitSums& sums) const {
  std::string bytes = concat(kUnitMagic, checksum_of(sums));
  for (const std::span<const std::byte> array : arrays_of(sums)) {
    bytes.append(reinterpret_cast<const char*>(array.data()), array.size());
  }
  write_file(file_of(unit), bytes);
}

}  // namespace twill::search
