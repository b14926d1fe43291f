// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/model_folders.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>
#include <sstream>

#include "twill/engine/model.h"
#include "twill/jobs/model_facts.h"
#include "twill/plan/error.h"
#include "twill/plan/text.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;
using PathsByKind = std::map<std::string, std::vector<fs::path>>;

constexpr std::uintmax_t kMostListBytes = 1'000'000;
constexpr std::size_t kMostEntries = 20'000;  // of one folder tree
constexpr int kDepth = 2;

// "~/x", "$HOME/x" and "${HOME}/x"; a variable that is not set stays as it is.
std::string expand(const std::string& path) {
  const auto variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = name.empty() ? nullptr : std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  std::string expanded;
  std::size_t i = 0;
  if (path == "~" || path.starts_with("~/")) {
    expanded = variable("HOME").value_or("~");
    i = 1;
  }
  while (i < path.size()) {
    if (path[i] == '$') {
      const bool braces = i + 1 < path.size() && path[i + 1] == '{';
      const std::size_t begin = i + (braces ? 2 : 1);
      std::size_t end = begin;
      while (end < path.size() &&
             (std::isalnum(static_cast<unsigned char>(path[end])) || path[end] == '_')) {
        ++end;
      }
      const auto value = variable(path.substr(begin, end - begin));
      if (value && (!braces || (end < path.size() && path[end] == '}'))) {
        expanded += *value;
        i = end + (braces ? 1 : 0);
        continue;
      }
    }
    expanded += path[i++];
  }
  return expanded;
}

std::string kind_of(const std::string& key) {
  return key == "unet" ? "diffusion_models" : key == "clip" ? "text_encoders" : key;
}

void add_section(const YAML::Node& section, const fs::path& file, PathsByKind& paths) {
  const fs::path home = fs::absolute(file).parent_path();
  fs::path base;
  if (section["base_path"]) {
    base = expand(section["base_path"].as<std::string>());
    base = base.is_relative() ? home / base : base;
  }
  for (const auto& entry : section) {
    const std::string key = entry.first.as<std::string>();
    if (key == "base_path" || key == "is_default" || !entry.second.IsScalar()) {
      continue;
    }
    std::istringstream lines(entry.second.as<std::string>());
    for (std::string line; std::getline(lines, line);) {
      const std::size_t begin = line.find_first_not_of(" \t\r");
      if (begin == std::string::npos) {
        continue;
      }
      const std::string text = line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
      const fs::path path = base.empty() ? fs::path(expand(text)) : base / text;
      paths[kind_of(key)].push_back((path.is_relative() ? home / path : path).lexically_normal());
    }
  }
}

// One search; remembers what it has seen under another name.
class Finder {
 public:
  void look_in(const fs::path& folder, bool weight_files) {
    std::error_code code;
    if (!fs::is_directory(folder, code)) {
      return;
    }
    add_folder(folder);
    const auto options = fs::directory_options::skip_permission_denied;
    auto entry = fs::recursive_directory_iterator(folder, options, code);
    std::size_t count = 0;
    for (; !code && entry != fs::recursive_directory_iterator() && ++count < kMostEntries;
         entry.increment(code)) {
      std::error_code ignored;
      if (entry->is_directory(ignored)) {
        add_folder(entry->path());
        if (entry.depth() + 1 >= kDepth) {
          entry.disable_recursion_pending();
        }
      } else if (weight_files && entry->path().extension() == ".safetensors") {
        add_weights(entry->path());
      }
    }
  }

  std::vector<FoundModel> take() {
    std::sort(found_.begin(), found_.end(), [](const FoundModel& a, const FoundModel& b) {
      return std::pair(!a.obstacle.empty(), a.name) < std::pair(!b.obstacle.empty(), b.name);
    });
    return std::move(found_);
  }

 private:
  bool is_new(const fs::path& path) {
    std::error_code code;
    const fs::path real = fs::weakly_canonical(path, code);
    return seen_.insert(code ? path : real).second;
  }

  void add_folder(const fs::path& folder) {
    std::error_code code;
    if (!fs::is_regular_file(folder / "model.json", code) || !is_new(folder)) {
      return;
    }
    FoundModel model{.name = model_name(folder), .path = folder};
    try {
      model.bytes = read_model_facts(folder).weight_bytes;
    } catch (const Error& error) {
      model.obstacle = error.what();
    }
    found_.push_back(std::move(model));
  }

  // Only transformers of Wan are told of; other files are other people's models.
  void add_weights(const fs::path& file) {
    std::error_code code;
    if (fs::exists(file.parent_path() / "model.json", code) || !is_new(file)) {
      return;
    }
    try {
      const engine::WanConfig config =
          engine::detect_wan_config(engine::Weights::open_unscaled(file));
      found_.push_back(
          {.name = file.stem().string(),
           .path = file,
           .bytes = static_cast<std::int64_t>(fs::file_size(file, code)),
           .obstacle = concat("a Wan transformer of ", config.layers, " x ", config.heads,
                              " heads without a model folder (model.json, VAE and text table "
                              "beside it); run it with ComfyUI as the engine")});
    } catch (const Error&) {
      // Another model, or no model at all.
    }
  }

  std::set<fs::path> seen_;
  std::vector<FoundModel> found_;
};

}  // namespace

PathsByKind read_extra_model_paths(const fs::path& file) {
  const std::string text = read_text(file, kMostListBytes);
  PathsByKind paths;
  try {
    const YAML::Node document = YAML::Load(text);
    require(document.IsMap() || document.IsNull(), ErrorCode::kFile, file.string(),
            ": is not a list of sections, as ComfyUI's extra_model_paths.yaml is");
    for (const auto& section : document) {
      if (section.second.IsMap()) {
        add_section(section.second, file, paths);
      }
    }
  } catch (const YAML::Exception& error) {
    throw Error(ErrorCode::kFile,
                concat(file.string(), ": line ", error.mark.line + 1, ": ", error.msg));
  }
  return paths;
}

std::vector<FoundModel> find_models(const std::vector<fs::path>& folders,
                                    const std::vector<fs::path>& lists,
                                    std::vector<std::string>* problems) {
  Finder finder;
  for (const fs::path& folder : folders) {
    finder.look_in(folder, false);
  }
  for (const fs::path& list : lists) {
    try {
      const PathsByKind paths = read_extra_model_paths(list);
      for (const char* kind : {"checkpoints", "diffusion_models"}) {
        const auto places = paths.find(kind);
        for (const fs::path& place :
             places == paths.end() ? std::vector<fs::path>() : places->second) {
          finder.look_in(place, true);
        }
      }
    } catch (const Error& error) {
      if (problems != nullptr) {
        problems->push_back(error.what());
      }
    }
  }
  return finder.take();
}

fs::path find_demo_model() {
  if (const char* presets = std::getenv("TWILL_PRESETS"); presets != nullptr && *presets != '\0') {
    return fs::path(presets) / "demo";
  }
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  for (fs::path folder = program.parent_path(); !folder.empty(); folder = folder.parent_path()) {
    for (const char* inside : {"presets/demo", "share/twill/presets/demo"}) {
      if (fs::is_directory(folder / inside, code)) {
        return folder / inside;
      }
    }
    if (folder == folder.parent_path()) {
      break;
    }
  }
  throw Error(
      ErrorCode::kFile,
      concat("no demo model: neither presets/demo nor share/twill/presets/demo stands beside "
             "or above ",
             program.string(), "; name a model or set TWILL_PRESETS"));
}

}  // namespace twill::jobs
