// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/outputs.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <string_view>
#include <system_error>

#include "made_by_twill.h"
#include "twill/plan/error.h"
#include "twill/plan/unfinished.h"

namespace twill {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostInputFiles = 4096;  // of one folder

std::string small_letters(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

fs::path folder_of(const fs::path& place) {
  return place.has_parent_path() ? place.parent_path() : ".";
}

bool is_json(OutputKind kind) {
  return kind == OutputKind::kPlan || kind == OutputKind::kProfile || kind == OutputKind::kReport ||
         kind == OutputKind::kRecord;
}

bool is_folder(OutputKind kind) {
  return kind == OutputKind::kFrames || kind == OutputKind::kFolder;
}

// Endings that promise something else than JSON or HTML.
bool is_ending_of_others(const std::string& ending, std::string_view own) {
  static constexpr std::array<std::string_view, 17> kEndings{
      ".json", ".html", ".htm", ".png", ".jpg", ".jpeg", ".webp", ".gif",        ".svg",
      ".mp4",  ".webm", ".mkv", ".mov", ".pdf", ".csv",  ".txt",  ".safetensors"};
  return ending != own && std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

void check_name(const Output& output) {
  const std::string named = output.path.string();
  if (is_folder(output.kind)) {
    return;
  }
  require(output.path.has_filename(), ErrorCode::kUsage, named,
          ": has a slash at its end and so names a folder; a ", noun_of(output.kind), " is a file");
  const std::string ending = small_letters(output.path.extension().string());
  const auto refuse = [&](std::string_view format, const char* right) {
    throw Error(ErrorCode::kUsage,
                concat(named, ": a ", noun_of(output.kind), " is written as ", format, "; name it ",
                       fs::path(output.path.filename()).replace_extension(right).string()));
  };
  if (output.kind == OutputKind::kPicture && ending != ".png") {
    refuse("PNG", ".png");
  }
  if (output.kind == OutputKind::kPage && ending != ".htm" &&
      is_ending_of_others(ending, ".html")) {
    refuse("HTML", ".html");
  }
  if (is_json(output.kind) && is_ending_of_others(ending, ".json")) {
    refuse("JSON", ".json");
  }
}

// The input that `output` would replace; empty when there is none.
fs::path replaced_input(const Output& output, const Input& input) {
  std::error_code code;
  if (same_file(output.path, input.path)) {
    return input.path;
  }
  if (output.kind == OutputKind::kFolder || !fs::is_directory(input.path, code)) {
    return {};
  }
  std::size_t seen = 0;
  fs::recursive_directory_iterator entry(input.path, fs::directory_options::skip_permission_denied,
                                         code);
  for (; !code && entry != fs::recursive_directory_iterator() && seen < kMostInputFiles;
       entry.increment(code), ++seen) {
    if (fs::exists(entry->path(), code) && same_file(output.path, entry->path())) {
      return entry->path();
    }
  }
  return {};
}

void check_apart(const std::vector<Output>& outputs, const std::vector<Input>& inputs) {
  for (auto output = outputs.begin(); output != outputs.end(); ++output) {
    for (const Input& input : inputs) {
      const bool adds = output->kind == OutputKind::kFolder;
      const fs::path replaced =
          adds || input.path.empty() ? fs::path() : replaced_input(*output, input);
      require(replaced.empty(), ErrorCode::kUsage, output->path.string(), ": the ",
              noun_of(output->kind), " would replace the ", input.name, " ", replaced.string(),
              ", which is read; name another file");
    }
    for (auto other = outputs.begin(); other != output; ++other) {
      const bool both_add =
          output->kind == OutputKind::kFolder && other->kind == OutputKind::kFolder;
      require(both_add || !same_file(output->path, other->path), ErrorCode::kUsage,
              output->path.string(), ": is to be both a ", noun_of(other->kind), " and a ",
              noun_of(output->kind), "; name two files");
    }
  }
}

std::string why_folder_kept(const fs::path& place) {
  std::error_code code;
  // Its user would be left in a folder that is gone.
  for (fs::path here = fs::current_path(code); !code && here != here.root_path();
       here = here.parent_path()) {
    if (fs::equivalent(here, place, code)) {
      return "is the folder where this runs, or one around it, and is not replaced by frames; name "
             "a new folder in it";
    }
  }
  fs::path foreign;
  try {
    foreign = foreign_entry(place);
  } catch (const fs::filesystem_error& error) {
    return concat("cannot be read: ", error.code().message());
  }
  return foreign.empty() ? ""
                         : concat("holds ", foreign.filename().string(),
                                  ", which Twill did not write, so it is not replaced by frames; "
                                  "name another folder");
}

}  // namespace

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code code;
  const bool there = fs::exists(a, code);
  if (there != fs::exists(b, code)) {
    return false;
  }
  if (there) {
    return fs::equivalent(a, b, code) && !code;
  }
  const auto canonical = [&](const fs::path& path) {
    return fs::weakly_canonical(fs::absolute(place_of(path)), code);
  };
  const fs::path first = canonical(a);
  const fs::path second = canonical(b);
  return first.parent_path() == second.parent_path() &&
         small_letters(first.filename().string()) == small_letters(second.filename().string());
}

std::string why_kept(const fs::path& path, OutputKind kind) {
  const fs::path place = place_of(path);
  std::error_code code;
  const fs::file_status status = fs::status(place, code);
  if (!fs::exists(status) || (kind == OutputKind::kFolder && fs::is_directory(status))) {
    return {};
  }
  if (is_folder(kind)) {
    return fs::is_directory(status) ? why_folder_kept(place)
                                    : concat("is no folder; name another for a ", noun_of(kind));
  }
  if (fs::is_directory(status)) {
    return "is a folder, not a file to write";
  }
  if (!fs::is_regular_file(status)) {
    return "is no regular file, and is not replaced";
  }
  if (fs::file_size(place, code) == 0 && !code) {
    return {};
  }
  const std::optional<OutputKind> found = kind_made_by_twill(place, kind);
  if (found == kind) {
    return {};
  }
  return found ? concat("holds a ", noun_of(*found), ", which is not replaced by a ", noun_of(kind),
                        "; name another file")
               : concat("was not written by Twill as a ", noun_of(kind),
                        ", so it is not replaced; name another file");
}

void check_replaceable(const fs::path& path, OutputKind kind) {
  const std::string why = why_kept(path, kind);
  require(why.empty(), ErrorCode::kUsage, path.string(), ": ", why);
}

Outputs::Outputs(const std::vector<Output>& outputs, const std::vector<Input>& inputs) {
  std::vector<Output> asked;
  std::copy_if(outputs.begin(), outputs.end(), std::back_inserter(asked),
               [](const Output& output) { return !output.path.empty(); });
  std::for_each(asked.begin(), asked.end(), check_name);
  check_apart(asked, inputs);
  for (const Output& output : asked) {
    check_replaceable(output.path, output.kind);
  }
  try {
    for (const Output& output : asked) {
      const fs::path place = place_of(output.path);
      const bool adds = output.kind == OutputKind::kFolder;
      hold(adds ? place : folder_of(place), output.path);
      try {
        UnfinishedFile(adds ? place / "file" : place).write("x");
      } catch (const Error& error) {
        // Named as the user named it.
        const std::string text = error.what();
        const std::size_t reason = text.rfind(": cannot be written: ");
        throw Error(error.code(), reason == std::string::npos
                                      ? text
                                      : output.path.string() + text.substr(reason));
      }
    }
  } catch (...) {
    release();
    throw;
  }
}

Outputs::~Outputs() { release(); }

void Outputs::hold(const fs::path& folder, const fs::path& named) {
  constexpr int kAttempts = 16;  // another run may remove between two lines what it made
  const auto fail = [&](int error) {
    throw Error(ErrorCode::kSystem, concat(named.string(), ": its folder cannot be made: ",
                                           std::generic_category().message(error)));
  };
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    fs::path grown;
    for (const fs::path& part : folder) {
      grown /= part;
      if (::mkdir(grown.c_str(), 0777) == 0) {
        made_.push_back(grown);
      } else if (errno != EEXIST) {
        const int error = errno;
        std::error_code code;
        if (!fs::is_directory(grown, code)) {
          fail(error);
        }
      }
    }
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 && errno != ENOENT) {
      fail(errno);
    }
    if (descriptor >= 0) {
      ::flock(descriptor, LOCK_SH);
      struct stat open_one {};
      struct stat there {};
      held_.push_back({folder, descriptor});
      if (::fstat(descriptor, &open_one) == 0 && ::stat(folder.c_str(), &there) == 0 &&
          open_one.st_ino == there.st_ino) {
        return;
      }
    }
  }
  fail(ENOENT);
}

void Outputs::release() {
  for (const Held& held : held_) {
    ::close(held.descriptor);
  }
  held_.clear();
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) {
    const int descriptor = ::open(folder->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
      continue;
    }
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
      ::rmdir(folder->c_str());  // does nothing where files are
    }
    ::close(descriptor);
  }
  made_.clear();
}

}  // namespace twill
