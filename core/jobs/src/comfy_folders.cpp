// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/comfy_folders.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>

#include "twill/engine/model.h"
#include "twill/jobs/model_paths.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr const char* kList = "extra_model_paths.yaml";
// In the home folder: by hand, by comfy-cli, and by ComfyUI Desktop.
constexpr std::array kUsualPlaces{"ComfyUI", "comfy/ComfyUI", "Documents/ComfyUI"};

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

bool is_file(const fs::path& path) {
  std::error_code code;
  return fs::is_regular_file(path, code);
}

void add(const ModelPlaces& more, ModelPlaces& places) {
  for (const auto& [kind, folders] : more) {
    places[kind].insert(places[kind].end(), folders.begin(), folders.end());
  }
}

bool has_any(const ModelPlaces& places) {
  for (const auto& [kind, folders] : places) {
    for (const fs::path& folder : folders) {
      if (is_folder(folder)) {
        return true;
      }
    }
  }
  return false;
}

void add_named(const fs::path& named, ModelPlaces& places) {
  if (is_file(named)) {
    add(read_extra_model_paths(named), places);
    return;
  }
  const ModelPlaces inside = places_below(named / "models");
  const bool is_comfy = has_any(inside);
  const ModelPlaces found = is_comfy ? inside : places_below(named);
  const bool has_list = is_file(named / kList);
  require(
      is_comfy || has_list || has_any(found), ErrorCode::kFile, named.string(),
      ": is neither a folder of ComfyUI (it has no models/diffusion_models or the like) nor an ",
      kList);
  add(found, places);
  if (has_list) {
    add(read_extra_model_paths(named / kList), places);
  }
}

// A file or folder named as ComfyUI shows it, in the folders of those kinds; empty where there is
// none, and then `looked` says where it was looked for.
fs::path look_up(const fs::path& name, std::initializer_list<const char*> kinds,
                 std::initializer_list<const char*> endings, const ModelPlaces& places,
                 const std::function<bool(const fs::path&)>& is_there, std::string& looked) {
  for (const char* kind : kinds) {
    const auto folders = places.find(kind);
    if (folders == places.end()) {
      continue;
    }
    for (const fs::path& folder : folders->second) {
      for (const char* ending : endings) {
        const fs::path found = folder / (name.string() + ending);
        if (is_there(found)) {
          return found;
        }
      }
      if (is_folder(folder)) {
        looked += concat(looked.empty() ? "" : ", ", folder.string());
      }
    }
  }
  return {};
}

std::string nowhere(const std::string& looked) {
  return looked.empty() ? "and no folder of ComfyUI is known (TWILL_COMFYUI names one)"
                        : concat("nor one of that name in ", looked);
}

}  // namespace

std::vector<fs::path> usual_comfy_folders() {
  std::vector<fs::path> found;
  if (const char* const named = std::getenv("TWILL_COMFYUI"); named != nullptr && *named != '\0') {
    std::string_view rest = named;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(':'), rest.size());
      if (end > 0) {
        found.emplace_back(rest.substr(0, end));
      }
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return found;
  }
  std::vector<fs::path> places{"ComfyUI"};
  if (const char* const home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    for (const char* place : kUsualPlaces) {
      places.push_back(fs::path(home) / place);
    }
  }
  for (const fs::path& place : places) {
    if (has_any(places_below(place / "models"))) {
      found.push_back(place);
    }
  }
  return found;
}

bool is_comfy_folder(const fs::path& folder) {
  return has_any(places_below(folder / "models")) || has_any(places_below(folder)) ||
         is_file(folder / kList);
}

ModelPlaces comfy_places(const std::vector<fs::path>& named) {
  ModelPlaces places;
  for (const fs::path& each : named.empty() ? usual_comfy_folders() : named) {
    add_named(each, places);
  }
  return places;
}

ModelFiles find_model(const ModelFiles& asked) {
  if (asked.path.is_absolute() || engine::is_model_there(asked)) {
    return asked;
  }
  std::string looked;
  ModelFiles found = asked;
  found.path = look_up(
      asked.path, {"diffusion_models", "checkpoints", "diffusers"}, {"", ".safetensors", ".gguf"},
      asked.places, [](const fs::path& path) { return engine::is_model_there(path); }, looked);
  require(!found.path.empty(), ErrorCode::kFile, asked.path.string(),
          ": no such model folder or file, ", nowhere(looked));
  return found;
}

bool are_loras_there(const std::vector<LoraChoice>& loras) {
  return std::ranges::all_of(
      loras, [](const LoraChoice& lora) { return lora.file.is_absolute() || is_file(lora.file); });
}

std::vector<LoraChoice> find_loras(std::vector<LoraChoice> loras, const ModelPlaces& places) {
  for (LoraChoice& lora : loras) {
    if (lora.file.is_absolute() || is_file(lora.file)) {
      continue;
    }
    std::string looked;
    const fs::path found =
        look_up(lora.file, {"loras"}, {"", ".safetensors"}, places, is_file, looked);
    require(!found.empty(), ErrorCode::kFile, "LoRA ", lora.file.string(), ": no such file, ",
            nowhere(looked));
    lora.file = found;
  }
  return loras;
}

}  // namespace twill::jobs
