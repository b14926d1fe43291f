// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "made_by_twill.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "twill/plan/error.h"
#include "twill/plan/whole_files.h"

namespace twill {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kMostJsonBytes = std::uint64_t{1} << 30;  // as a profile may have
// An .mp4's index stands in front and has some 20 bytes a frame; a .gif's mark stands at its end.
constexpr std::size_t kLooksAt = std::size_t{1} << 20;
constexpr std::size_t kLooksAtPicture = 256;

// Fields that a JSON file of a kind has at its top, in every version of it.
struct Telltale {
  OutputKind kind;
  std::array<std::string_view, 2> fields;
};
constexpr std::array<Telltale, 6> kTelltales{{
    {OutputKind::kPlan, {"patterns", "segments"}},
    {OutputKind::kProfile, {"candidates", "head_error"}},
    {OutputKind::kReport, {"rows", "psnr_db"}},
    {OutputKind::kReport, {"policies", "tuning_prompts"}},
    {OutputKind::kReport, {"plans", "rank_correlation"}},
    {OutputKind::kRecord, {"plan", "search_seconds"}},
}};

// Collects the names at the top of an object. Nothing is built, so no depth is too deep.
class TopFields final : public nlohmann::json_sax<json> {
 public:
  bool has(std::string_view name) const { return names_.contains(std::string(name)); }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (depth_ == 1) {
      names_.insert(name);
    }
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override {
    return false;
  }

 private:
  bool open() {
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  std::size_t depth_ = 0;
  std::set<std::string> names_;
};

std::optional<OutputKind> kind_of_json(const fs::path& file) {
  std::string text;
  try {
    text = read_file(file, kMostJsonBytes);
  } catch (const Error&) {
    return std::nullopt;
  }
  TopFields top;
  if (!json::sax_parse(text.begin(), text.end(), &top)) {
    return std::nullopt;
  }
  for (const Telltale& telltale : kTelltales) {
    if (std::all_of(telltale.fields.begin(), telltale.fields.end(),
                    [&](std::string_view field) { return top.has(field); })) {
      return telltale.kind;
    }
  }
  return std::nullopt;
}

// The first and the last bytes of a file, up to `most` of each.
std::string ends_of(const fs::path& file, std::size_t most) {
  std::ifstream stream(file, std::ios::binary);
  std::string bytes(most, '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(most));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
  if (bytes.size() == most) {
    stream.seekg(-static_cast<std::streamoff>(most), std::ios::end);
    std::string last(most, '\0');
    stream.read(last.data(), static_cast<std::streamsize>(most));
    bytes += last;
  }
  return bytes;
}

bool contains(const std::string& bytes, std::string_view text) {
  return bytes.find(text) != std::string::npos;
}

bool names_twill(const std::string& bytes) {
  constexpr std::string_view kName = "twill ";
  for (std::size_t at = bytes.find(kName); at != std::string::npos;
       at = bytes.find(kName, at + 1)) {
    const std::size_t next = at + kName.size();
    if (next < bytes.size() && std::isdigit(static_cast<unsigned char>(bytes[next])) != 0) {
      return true;
    }
  }
  return false;
}

bool is_picture(const fs::path& file) {
  const std::string bytes = ends_of(file, kLooksAtPicture);
  return bytes.starts_with("\x89PNG\r\n\x1a\n") &&
         contains(bytes, std::string_view("tEXtSoftware\0twill", 18));
}

bool is_video(const fs::path& file) {
  const std::string bytes = ends_of(file, kLooksAt);
  const bool format = bytes.substr(4, 4) == "ftyp" || bytes.starts_with("\x1a\x45\xdf\xa3") ||
                      bytes.starts_with("GIF8") || bytes.starts_with("RIFF");
  return format && (contains(bytes, "software") || contains(bytes, "SOFTWARE")) &&
         names_twill(bytes);
}

bool is_page(const fs::path& file) {
  const std::string bytes = ends_of(file, kLooksAt);
  return bytes.starts_with("<!DOCTYPE html>") &&
         contains(bytes, "<meta name=\"generator\" content=\"Twill\">");
}

bool is_frame_name(std::string_view name) {
  constexpr std::string_view kBegin = "frame-";
  constexpr std::string_view kEnd = ".png";
  if (name.size() <= kBegin.size() + kEnd.size() || !name.starts_with(kBegin) ||
      !name.ends_with(kEnd)) {
    return false;
  }
  name = name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
  return name.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

const char* noun_of(OutputKind kind) {
  switch (kind) {
    case OutputKind::kPlan:
      return "plan";
    case OutputKind::kProfile:
      return "profile";
    case OutputKind::kReport:
      return "report";
    case OutputKind::kRecord:
      return "record of a search";
    case OutputKind::kPage:
      return "page";
    case OutputKind::kPicture:
      return "picture";
    case OutputKind::kVideo:
      return "video";
    case OutputKind::kFrames:
      return "folder of frames";
    case OutputKind::kFolder:
      return "folder";
  }
  return "file";
}

std::optional<OutputKind> kind_made_by_twill(const fs::path& file, OutputKind asked) {
  if (const std::optional<OutputKind> as_json = kind_of_json(file)) {
    return as_json;
  }
  const bool ours = (asked == OutputKind::kPicture && is_picture(file)) ||
                    (asked == OutputKind::kVideo && is_video(file)) ||
                    (asked == OutputKind::kPage && is_page(file));
  return ours ? std::optional(asked) : std::nullopt;
}

fs::path foreign_entry(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (!is_frame_name(entry.path().filename().string()) || entry.is_symlink() ||
        !entry.is_regular_file() || !is_picture(entry.path())) {
      return entry.path();
    }
  }
  return {};
}

}  // namespace twill
