// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "fuzz.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "twill/plan/error.h"

namespace twill::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostMessage = 4000;

// Removed at the end of the program; an abort leaves it beside the input that it wrote down.
struct Folder {
  Folder() {
    const fs::path memory = "/dev/shm";
    std::error_code none;
    path = (fs::is_directory(memory, none) ? memory : fs::temp_directory_path()) /
           ("twill-fuzz-" + std::to_string(getpid()));
    fs::create_directories(path);
  }
  ~Folder() {
    std::error_code none;
    fs::remove_all(path, none);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path path;
};

}  // namespace

void demand(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "%s\n", what);
    std::abort();
  }
}

void read_or_refuse(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    const std::string_view said = error.what();
    demand(!said.empty(), "a refusal without words");
    demand(said.size() <= kMostMessage, "a message as long as its input");
  }
}

const fs::path& scratch_folder() {
  static const Folder folder;
  return folder.path;
}

fs::path scratch_file(const char* name, std::string_view bytes) {
  const fs::path file = scratch_folder() / name;
  std::ofstream(file, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return file;
}

}  // namespace twill::fuzz
