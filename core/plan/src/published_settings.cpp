// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/published_settings.h"

#include <map>
#include <optional>

#include "json_value.h"
#include "models_json.h"
#include "read_guidance.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/names.h"

namespace twill {
namespace {

constexpr std::size_t kMost = 1000;  // entries of a list

PublishedSetting read_setting(const JsonValue& entry) {
  const JsonValue kind = entry.at("kind");
  const std::optional<SettingKind> known = value_named(kSettingKindNames, kind.as_string());
  if (!known) {
    kind.fail(kind.shown(), " is no kind of setting that is known");
  }
  PublishedSetting setting{.kind = *known,
                           .steps = entry.at("steps").as_int(),
                           .shift = entry.at("shift").as_number(),
                           .cfg = read_guidance(entry),
                           .sampler = entry.at("sampler").as_string(),
                           .source = entry.at("source").as_string()};
  if (setting.kind != SettingKind::kDistilled) {
    setting.width = entry.at("width").as_int();
    setting.height = entry.at("height").as_int();
  }
  return setting;
}

std::vector<PublishedSetting> read_settings(const JsonValue& size) {
  std::vector<PublishedSetting> settings;
  if (const auto list = size.find("settings")) {
    for (std::size_t i = 0; i < list->size_up_to(kMost); ++i) {
      settings.push_back(read_setting((*list)[i]));
    }
  }
  return settings;
}

// By the family's name, of each of its sizes.
using Settings = std::map<std::string, std::vector<std::vector<PublishedSetting>>>;

Settings read_all() {
  const std::string file = "presets/models.json";
  const auto document = json_tree<nlohmann::json>(std::string(kModelsJson), file);
  const JsonValue root(document, file);
  const JsonValue models = root.at("models");
  Settings all;
  for (std::size_t i = 0; i < models.size_up_to(kMost); ++i) {
    const JsonValue sizes = models[i].at("sizes");
    for (std::size_t j = 0; j < sizes.size_up_to(kMost); ++j) {
      all[models[i].at("name").as_string()].push_back(read_settings(sizes[j]));
    }
  }
  return all;
}

}  // namespace

const std::vector<PublishedSetting>& published_settings(const ModelFamily& family,
                                                        std::size_t size) {
  static const Settings all = read_all();
  return all.at(family.name).at(size);
}

}  // namespace twill
