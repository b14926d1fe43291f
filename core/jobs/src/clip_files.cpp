// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "clip_files.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "session.h"
#include "twill/engine/model.h"
#include "twill/engine/weights.h"
#include "twill/jobs/model_facts.h"
#include "twill/media/video_io.h"
#include "twill/media/video_metrics.h"
#include "twill/plan/text_hash.h"

namespace twill::jobs {
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

std::unique_ptr<Unfinished> unfinished_frames(const fs::path& folder, const at::Tensor& frames) {
  auto whole = std::make_unique<UnfinishedFolder>(folder);
  const std::size_t digits = std::max<std::size_t>(3, std::to_string(frames.size(0) - 1).size());
  for (std::int64_t i = 0; i < frames.size(0); ++i) {
    const std::string number = std::to_string(i);
    const std::vector<std::uint8_t> png = media::png_bytes(frames[i]);
    whole->add(concat("frame-", std::string(digits - number.size(), '0'), number, ".png"),
               {reinterpret_cast<const char*>(png.data()), png.size()});
  }
  return whole;
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

void check_clip_file(const fs::path& file, const ClipSettings& clip) {
  if (is_frames(file)) {
    const fs::path folder = without_slash(file);
    require(folder.has_filename() && folder.filename() != "." && folder.filename() != "..",
            ErrorCode::kUsage, file.string(),
            ": is no name for a folder of frames; name a new folder, such as frames");
    require(!folder.has_extension(), ErrorCode::kUsage, file.string(),
            ": a folder of frames has no ending in its name; name it ", folder.stem().string(),
            ", or leave out the slash for a video");
    return;
  }
  media::check_video_file(file);
  std::error_code code;
  if (!fs::is_directory(clip.model, code)) {
    return;  // told when it is to be loaded
  }
  const engine::ModelDefaults defaults = engine::describe_model(clip.model).defaults;
  media::check_video_clip(file, clip.width.value_or(defaults.size.width),
                          clip.height.value_or(defaults.size.height),
                          clip.fps.value_or(defaults.fps));
}

void write_clip(const fs::path& file, const at::Tensor& frames, double fps,
                const std::map<std::string, std::string>& metadata) {
  unfinished_clip(file, frames, fps, metadata)->finish();
}

std::unique_ptr<Unfinished> unfinished_clip(const fs::path& file, const at::Tensor& frames,
                                            double fps,
                                            const std::map<std::string, std::string>& metadata) {
  const Output output = clip_output(file);
  check_replaceable(output.path, output.kind);
  return output.kind == OutputKind::kFrames ? unfinished_frames(file, frames)
                                            : media::encode_video(file, frames, fps, metadata);
}

void write_picture(const fs::path& file, const Picture& picture) {
  media::write_png(file, at::from_blob(const_cast<std::uint8_t*>(picture.rgb.data()),
                                       {picture.height, picture.width, 3}, at::kByte));
}

RgbClip rgb_clip(const at::Tensor& frames, double fps) {
  TWILL_ASSERT(frames.is_contiguous() && frames.scalar_type() == at::kByte && frames.dim() == 4);
  const std::uint8_t* data = frames.const_data_ptr<std::uint8_t>();
  return {.width = static_cast<std::int32_t>(frames.size(2)),
          .height = static_cast<std::int32_t>(frames.size(1)),
          .frames = static_cast<std::int32_t>(frames.size(0)),
          .fps = fps,
          .rgb = {data, data + frames.numel()}};
}

ClipRecord clip_record(const Session& session, const std::string& prompt, std::uint64_t seed,
                       const fs::path& plan, bool adapted) {
  ClipRecord record{.prompt = prompt,
                    .seed = seed,
                    .clip = session.clip(),
                    .model = model_name(session.clip().model),
                    .model_fingerprint = session.fingerprint(),
                    .software = "twill " TWILL_VERSION};
  record.clip.model.clear();
  record.clip.threads = 0;
  if (!plan.empty()) {
    record.plan = plan.filename().string();
    record.plan_fingerprint = file_fingerprint(plan);
    record.adapted = adapted;
  }
  return record;
}

namespace {

bool one_colour(const at::Tensor& clip) { return clip.eq(clip[0][0][0]).all().item<bool>(); }

}  // namespace

ClipQuality compare(const at::Tensor& dense, const at::Tensor& sparse, const std::stop_token& stop,
                    FrameQuality* frames) {
  require(
      !one_colour(dense) || !one_colour(sparse), ErrorCode::kModel,
      "both clips are one colour from the first pixel to the last, as a broken model makes them: "
      "PSNR and SSIM would say nothing");
  ClipQuality quality{.psnr_db = media::psnr(dense, sparse)};
  for (std::int64_t i = 0; i < dense.size(0); ++i) {
    if (stop.stop_requested()) {
      throw Cancelled();
    }
    const at::Tensor one = dense.narrow(0, i, 1);
    const at::Tensor other = sparse.narrow(0, i, 1);
    const double ssim = media::ssim(one, other);
    quality.ssim += ssim;
    if (frames != nullptr) {
      frames->psnr_db.push_back(media::psnr(one, other));
      frames->ssim.push_back(ssim);
    }
  }
  quality.ssim /= static_cast<double>(dense.size(0));
  return quality;
}

Picture side_by_side(const at::Tensor& dense, const at::Tensor& sparse, int count) {
  TWILL_ASSERT(dense.sizes() == sparse.sizes() && dense.dim() == 4);
  constexpr std::int64_t kGap = 4;
  const std::int64_t frames = dense.size(0);
  const std::int64_t height = dense.size(1);
  const std::int64_t width = dense.size(2);
  const std::int64_t shown = std::min<std::int64_t>(count, frames);
  at::Tensor canvas =
      at::full({2 * height + 3 * kGap, shown * (width + kGap) + kGap, 3}, 255, dense.options());
  for (std::int64_t i = 0; i < shown; ++i) {
    const std::int64_t frame = shown == 1 ? 0 : i * (frames - 1) / (shown - 1);
    const std::int64_t left = kGap + i * (width + kGap);
    canvas.narrow(0, kGap, height).narrow(1, left, width).copy_(dense[frame]);
    canvas.narrow(0, 2 * kGap + height, height).narrow(1, left, width).copy_(sparse[frame]);
  }
  const std::uint8_t* data = canvas.const_data_ptr<std::uint8_t>();
  return {.width = static_cast<std::int32_t>(canvas.size(1)),
          .height = static_cast<std::int32_t>(canvas.size(0)),
          .rgb = {data, data + canvas.numel()}};
}

DenseClips::DenseClips(fs::path folder, const Session& session)
    : folder_(std::move(folder)),
      key_(session.dense_key()),
      shape_{*session.clip().frames, *session.clip().height, *session.clip().width, 3} {}

fs::path DenseClips::file_for(const std::string& prompt, std::uint64_t seed) const {
  return folder_ / concat("dense-", hex(hash_text(concat(key_, " seed ", seed, " ", prompt))),
                          ".safetensors");
}

std::optional<at::Tensor> DenseClips::find(const std::string& prompt, std::uint64_t seed) const {
  const fs::path file = file_for(prompt, seed);
  std::error_code code;
  if (!fs::exists(file, code)) {
    return std::nullopt;
  }
  try {
    const at::Tensor frames = engine::Weights::open(file).get("frames");
    const bool fits =
        frames.scalar_type() == at::kByte && frames.sizes() == at::IntArrayRef(shape_);
    return fits ? std::optional(frames) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void DenseClips::keep(const std::string& prompt, std::uint64_t seed,
                      const at::Tensor& frames) const {
  engine::write_safetensors(file_for(prompt, seed), {{"frames", frames}}, {{"prompt", prompt}});
}

}  // namespace twill::jobs
