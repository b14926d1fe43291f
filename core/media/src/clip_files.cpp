// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/media/clip_files.h"

#include <algorithm>
#include <vector>

#include "twill/media/png.h"
#include "twill/media/video_io.h"
#include "twill/plan/error.h"

namespace twill::media {
namespace fs = std::filesystem;

namespace {

bool is_frames(const fs::path& file) { return !file.has_filename() || !file.has_extension(); }

// "frames/" and "frames/." -> "frames".
fs::path without_slash(fs::path folder) {
  while ((!folder.has_filename() || folder.filename() == ".") && folder.has_parent_path() &&
         folder != folder.root_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

std::unique_ptr<Unfinished> unfinished_frames(const fs::path& folder, const RgbFrames& frames) {
  auto whole = std::make_unique<UnfinishedFolder>(folder);
  const std::size_t digits = std::max<std::size_t>(3, std::to_string(frames.frames - 1).size());
  for (std::int32_t i = 0; i < frames.frames; ++i) {
    const std::string number = std::to_string(i);
    const std::vector<std::uint8_t> png = png_bytes(frames.at(i));
    whole->add(concat("frame-", std::string(digits - number.size(), '0'), number, ".png"),
               {reinterpret_cast<const char*>(png.data()), png.size()});
  }
  return whole;
}

// `from`, one frame, with its corner at (left, top) of `to`.
void paste(const RgbFrames& from, Picture& to, std::int32_t left, std::int32_t top) {
  const std::size_t row_bytes = std::size_t{3} * static_cast<std::size_t>(from.width);
  for (std::int32_t y = 0; y < from.height; ++y) {
    const auto row = from.rgb.subspan(static_cast<std::size_t>(y) * row_bytes, row_bytes);
    const std::size_t at =
        3 * (static_cast<std::size_t>(top + y) * static_cast<std::size_t>(to.width) +
             static_cast<std::size_t>(left));
    std::copy(row.begin(), row.end(), to.rgb.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

}  // namespace

Output clip_output(const fs::path& file) {
  return {file, is_frames(file) ? OutputKind::kFrames : OutputKind::kVideo};
}

fs::path with_suffix(const fs::path& file, const std::string& suffix) {
  const fs::path named = without_slash(file);
  return named.parent_path() /
         (is_frames(file) ? concat(named.filename().string(), suffix)
                          : concat(named.stem().string(), suffix, named.extension().string()));
}

void check_clip_name(const fs::path& file) {
  if (!is_frames(file)) {
    check_video_file(file);
    return;
  }
  const fs::path folder = without_slash(file);
  require(folder.has_filename() && folder.filename() != "." && folder.filename() != "..",
          ErrorCode::kUsage, file.string(),
          ": is no name for a folder of frames; name a new folder, such as frames");
  require(!folder.has_extension(), ErrorCode::kUsage, file.string(),
          ": a folder of frames has no ending in its name; name it ", folder.stem().string(),
          ", or leave out the slash for a video");
}

void write_clip(const fs::path& file, const RgbFrames& frames, double fps,
                const std::map<std::string, std::string>& metadata) {
  check_clip_name(file);
  unfinished_clip(file, frames, fps, metadata)->finish();
}

std::unique_ptr<Unfinished> unfinished_clip(const fs::path& file, const RgbFrames& frames,
                                            double fps,
                                            const std::map<std::string, std::string>& metadata) {
  TWILL_ASSERT(frames.is_whole());
  const Output output = clip_output(file);
  check_replaceable(output.path, output.kind);
  return output.kind == OutputKind::kFrames ? unfinished_frames(file, frames)
                                            : encode_video(file, frames, fps, metadata);
}

Picture side_by_side(const RgbFrames& dense, const RgbFrames& sparse, int count) {
  TWILL_ASSERT(dense.is_whole() && sparse.is_whole() && dense.width == sparse.width &&
               dense.height == sparse.height && dense.frames == sparse.frames);
  constexpr std::int32_t kGap = 4;
  const std::int32_t shown = std::min<std::int32_t>(count, dense.frames);
  Picture canvas{.width = shown * (dense.width + kGap) + kGap,
                 .height = 2 * dense.height + 3 * kGap,
                 .rgb = {}};
  canvas.rgb.resize(RgbFrames(canvas).frame_bytes(), 255);
  for (std::int32_t i = 0; i < shown; ++i) {
    const std::int32_t frame = shown == 1 ? 0 : i * (dense.frames - 1) / (shown - 1);
    const std::int32_t left = kGap + i * (dense.width + kGap);
    paste(dense.at(frame), canvas, left, kGap);
    paste(sparse.at(frame), canvas, left, 2 * kGap + dense.height);
  }
  return canvas;
}

}  // namespace twill::media
