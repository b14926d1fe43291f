// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where a command may write: never over one of its inputs, never two of its outputs into one file,
// and over nothing but what Twill made itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace twill {

enum class OutputKind : std::uint8_t {
  kPlan,     // JSON, as the next three
  kProfile,  // in a file of its own
  kReport,   // of measurements
  kRecord,   // of a search, beside its plan
  kPage,     // HTML
  kPicture,  // PNG
  kVideo,
  kFrames,  // a folder of PNG frames, replaced as a whole
  kFolder,  // a folder to which files are added, such as a work folder
};

struct Output {
  std::filesystem::path path;
  OutputKind kind = OutputKind::kReport;
};
struct Input {
  std::string name;            // "plan", as messages call it
  std::filesystem::path path;  // a file, or a folder whose files are all inputs
};

// One file or folder under two names: through links of either kind, another spelling of the path,
// or, where neither is there yet, names that some file systems do not tell apart ("a" and "A").
bool same_file(const std::filesystem::path& a, const std::filesystem::path& b);

// A sentence without the path at its front, when what stands at `path` is not what Twill writes as
// this kind and so must be kept: another program's file, a plan where a report is to go, a folder
// with files other than our frames. Empty where nothing stands, an empty file, or one of ours.
std::string why_kept(const std::filesystem::path& path, OutputKind kind);
// Throws that as Error(kUsage). For those who write without having asked Outputs.
void check_replaceable(const std::filesystem::path& path, OutputKind kind);

// The outputs of one command, asked for before its work: made first, and kept until the last of
// them is written. Missing folders are made; they are gone again with this when nothing got into
// them.
class Outputs {
 public:
  // Paths that are empty are left out. Throws, before anything is made, Error(kUsage) for a path
  // that is an input or two outputs, names no file, has the ending of another kind, or must be
  // kept; then Error(kSystem) when a folder cannot be made or written to. Every message begins with
  // the path.
  Outputs(const std::vector<Output>& outputs, const std::vector<Input>& inputs);
  ~Outputs();
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

 private:
  struct Held {
    std::filesystem::path folder;
    int descriptor = -1;  // a shared lock: another run that made the folder does not remove it
  };
  void hold(const std::filesystem::path& folder, const std::filesystem::path& named);
  void release();

  std::vector<std::filesystem::path> made_;  // outer folders first
  std::vector<Held> held_;
};

}  // namespace twill
