// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "part_finder.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "twill/engine/missing_part.h"
#include "twill/engine/weights.h"
#include "twill/plan/error.h"
#include "twill/plan/text.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostEntries = 20'000;  // of one folder tree
constexpr int kDepth = 3;                     // of folders in a folder of one kind

// The folder that has one for each kind, some levels above a network; empty where there is none.
fs::path models_folder(const fs::path& network) {
  fs::path folder = network.parent_path();
  for (int i = 0; i <= kDepth && folder.has_filename(); ++i, folder = folder.parent_path()) {
    const ModelPlaces places = places_below(folder.parent_path());
    for (const char* kind : {"diffusion_models", "checkpoints", "diffusers"}) {
      const std::vector<fs::path>& of_networks = places.at(kind);
      if (std::ranges::find(of_networks, folder) != of_networks.end()) {
        return folder.parent_path();
      }
    }
  }
  return {};
}

// Weight files of a folder by name, those of folders inside it behind.
std::vector<fs::path> weight_files_in(const fs::path& folder, int depth) {
  std::vector<fs::path> files;
  std::error_code code;
  const auto options = fs::directory_options::skip_permission_denied;
  auto entry = fs::recursive_directory_iterator(folder, options, code);
  std::size_t count = 0;
  for (; !code && entry != fs::recursive_directory_iterator() && ++count < kMostEntries;
       entry.increment(code)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) {
      if (entry.depth() + 1 >= depth) {
        entry.disable_recursion_pending();
      }
    } else if (is_weight_file(entry->path())) {
      files.push_back(entry->path());
    }
  }
  const auto rank = [](const fs::path& file) {
    return std::pair(std::distance(file.begin(), file.end()), file);
  };
  std::ranges::sort(files, {}, rank);
  return files;
}

bool fits(const WantedPart& part, const fs::path& file) {
  try {
    return part.fits(file);
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<fs::path> folders_of(const ModelFiles& model, std::string_view kind) {
  std::error_code code;
  const fs::path network = fs::absolute(model.path, code).lexically_normal();
  std::vector<fs::path> folders{network.parent_path()};
  const auto add = [&](const fs::path& folder) {
    if (std::ranges::find(folders, folder) == folders.end()) {
      folders.push_back(folder);
    }
  };
  const auto add_of = [&](const ModelPlaces& places) {
    if (const auto of_kind = places.find(std::string(kind)); of_kind != places.end()) {
      std::ranges::for_each(of_kind->second, add);
    }
  };
  if (const fs::path models = models_folder(network); !models.empty()) {
    add_of(places_below(models));
  }
  add_of(model.places);
  return folders;
}

fs::path look_for_part(const ModelFiles& model, const WantedPart& part) {
  const std::vector<fs::path> folders = folders_of(model, part.kind);
  std::vector<fs::path> files;
  for (const fs::path& folder : folders) {
    // Beside the network lie other networks, whose folders are not looked through.
    const bool own = &folder == &folders.front();
    for (fs::path& file : weight_files_in(folder, own ? 1 : kDepth)) {
      files.push_back(std::move(file));
    }
  }
  const auto usual = [&](const fs::path& file) {
    return std::distance(part.usual_names.begin(),
                         std::ranges::find(part.usual_names, file.filename().string()));
  };
  std::ranges::stable_sort(files, {}, usual);
  const auto found =
      std::ranges::find_if(files, [&](const fs::path& file) { return fits(part, file); });
  return found == files.end() ? fs::path() : *found;
}

fs::path find_part(const ModelFiles& model, const WantedPart& part) {
  if (fs::path found = look_for_part(model, part); !found.empty()) {
    return found;
  }
  std::string looked;
  for (const fs::path& folder : folders_of(model, part.kind)) {
    looked += concat(looked.empty() ? "" : ", ", folder.string());
  }
  const std::string usual_name(part.usual_names.front());
  throw MissingPart(concat(model.path.string(), ": needs ", part.what, ", which is in none of ",
                           looked, "; ComfyUI's file of it is ", usual_name),
                    part.what, usual_name);
}

}  // namespace twill::engine
