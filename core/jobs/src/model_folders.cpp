// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/model_folders.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <system_error>
#include <utility>

#include "twill/engine/missing_part.h"
#include "twill/engine/model.h"
#include "twill/engine/weights.h"
#include "twill/jobs/comfy_folders.h"
#include "twill/jobs/model_facts.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostEntries = 20'000;  // of one folder tree
constexpr int kDepth = 2;

// All that a checkpoint lacks, where finding stops at the first: of each part it is asked what it
// is missing by while the others are taken for there.
std::vector<MissingPart> missing_parts(const ModelFiles& files) {
  constexpr std::array kParts{&ModelFiles::vae, &ModelFiles::text_encoder,
                              &ModelFiles::image_encoder};
  std::vector<MissingPart> missing;
  for (fs::path ModelFiles::*const part : kParts) {
    ModelFiles rest = files;
    rest.tokenizer = files.path;
    for (fs::path ModelFiles::*const other : kParts) {
      if (other != part && (rest.*other).empty()) {
        rest.*other = files.path;
      }
    }
    try {
      engine::describe_model(rest);
    } catch (const engine::MissingPart& error) {
      missing.push_back({error.part(), error.usual_name(), error.what()});
    } catch (const Error&) {
      // Not for want of that part: the obstacle says it.
    }
  }
  return missing;
}

// One search; remembers what it has seen under another name.
class Finder {
 public:
  // Where what a network needs may lie.
  explicit Finder(ModelPlaces places) : places_(std::move(places)) {}

  void look_in(const fs::path& folder) {
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
      } else if (engine::is_weight_file(entry->path())) {
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
    if (engine::model_file(folder).empty() || !is_new(folder)) {
      return;
    }
    FoundModel model{.name = model_name(folder), .files = folder};
    try {
      model.bytes = read_model_facts(folder).weight_bytes;
    } catch (const Error& error) {
      model.obstacle = error.what();
    }
    found_.push_back(std::move(model));
  }

  // Only networks that the engine knows are told of; other files are other people's models.
  void add_weights(const fs::path& file) {
    // The network of a pipeline lies in a folder below it.
    const fs::path folder = file.parent_path();
    if (!engine::model_file(folder).empty() || !engine::model_file(folder.parent_path()).empty() ||
        !is_new(file)) {
      return;
    }
    const std::string network = engine::network_in(file);
    if (network.empty()) {
      return;
    }
    ModelFiles files(file);
    files.places = places_;
    FoundModel model{.name = model_name(file), .files = files, .network = network};
    try {
      const std::vector<fs::path> experts = engine::describe_model(files).networks;
      if (experts.front() != file) {
        return;  // the second of two
      }
      model.bytes = read_model_facts(files).weight_bytes;
    } catch (const Error& error) {
      std::error_code code;
      model.bytes = static_cast<std::int64_t>(fs::file_size(file, code));
      model.obstacle = concat(network, "; ", error.what());
      model.missing = missing_parts(files);
    }
    found_.push_back(std::move(model));
  }

  ModelPlaces places_;
  std::set<fs::path> seen_;
  std::vector<FoundModel> found_;
};

}  // namespace

std::vector<FoundModel> find_models(const std::vector<fs::path>& folders,
                                    const std::vector<fs::path>& lists,
                                    std::vector<std::string>* problems) {
  ModelPlaces places;
  for (const fs::path& list : lists) {
    try {
      for (const auto& [kind, of_kind] : comfy_places({list})) {
        places[kind].insert(places[kind].end(), of_kind.begin(), of_kind.end());
      }
    } catch (const Error& error) {
      if (problems != nullptr) {
        problems->push_back(error.what());
      }
    }
  }
  Finder finder(places);
  for (const fs::path& folder : folders) {
    finder.look_in(folder);
  }
  for (const char* kind : {"checkpoints", "diffusion_models", "diffusers"}) {
    for (const fs::path& place : places[kind]) {
      finder.look_in(place);
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
