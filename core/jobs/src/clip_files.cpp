// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "clip_files.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "files.h"
#include "session.h"
#include "twill/engine/video_io.h"
#include "twill/engine/video_metrics.h"
#include "twill/engine/weights.h"

namespace twill::jobs {
namespace fs = std::filesystem;

void check_clip_file(const fs::path& file) {
  if (file.has_extension()) {
    engine::check_video_file(file);
    check_can_write(file);
    return;
  }
  std::error_code code;
  require(!fs::exists(file, code) || fs::is_directory(file, code), ErrorCode::kUsage, file.string(),
          ": has no ending and is no folder; name a video such as ", file.filename().string(),
          ".mp4");
  check_can_write(fs::path(file).concat(".png"));
}

void write_clip(const fs::path& file, const at::Tensor& frames, double fps,
                const std::map<std::string, std::string>& metadata) {
  if (file.has_extension()) {
    engine::write_video(file, frames, fps, metadata);
    return;
  }
  const TemporaryPath temporary(temporary_beside(file));
  std::error_code code;
  const auto check = [&] {
    require(!code, ErrorCode::kSystem, file.string(), ": cannot be written: ", code.message());
  };
  fs::create_directories(temporary.path(), code);
  check();
  for (std::int64_t i = 0; i < frames.size(0); ++i) {
    const std::string zeros(i < 10 ? 2 : i < 100 ? 1 : 0, '0');
    engine::write_png(temporary.path() / concat("frame-", zeros, i, ".png"), frames[i]);
  }
  // The folder appears when all its frames are there, and one that it replaces goes after that.
  const TemporaryPath replaced(fs::path(temporary.path()).concat(".old"));
  if (fs::exists(file, code)) {
    fs::rename(file, replaced.path(), code);
    check();
  }
  fs::rename(temporary.path(), file, code);
  if (code) {
    std::error_code ignored;
    fs::rename(replaced.path(), file, ignored);
  }
  check();
}

void write_picture(const fs::path& file, const Picture& picture) {
  engine::write_png(file, at::from_blob(const_cast<std::uint8_t*>(picture.rgb.data()),
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

ClipRecord clip_record(const Session& session, const std::string& prompt, std::int64_t seed,
                       const fs::path& plan, bool adapted) {
  ClipRecord record{.prompt = prompt,
                    .seed = seed,
                    .clip = session.clip(),
                    .model = session.clip().model.filename().string(),
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

ClipQuality compare(const at::Tensor& dense, const at::Tensor& sparse, const std::stop_token& stop,
                    FrameQuality* frames) {
  ClipQuality quality{.psnr_db = engine::psnr(dense, sparse)};
  for (std::int64_t i = 0; i < dense.size(0); ++i) {
    if (stop.stop_requested()) {
      throw Cancelled();
    }
    const at::Tensor one = dense.narrow(0, i, 1);
    const at::Tensor other = sparse.narrow(0, i, 1);
    const double ssim = engine::ssim(one, other);
    quality.ssim += ssim;
    if (frames != nullptr) {
      frames->psnr_db.push_back(engine::psnr(one, other));
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

fs::path DenseClips::file_for(const std::string& prompt, std::int64_t seed) const {
  return folder_ / concat("dense-", hex(hash_text(concat(key_, " seed ", seed, " ", prompt))),
                          ".safetensors");
}

std::optional<at::Tensor> DenseClips::find(const std::string& prompt, std::int64_t seed) const {
  const fs::path file = file_for(prompt, seed);
  std::error_code code;
  if (!fs::exists(file, code)) {
    return std::nullopt;
  }
  try {
    const at::Tensor frames = engine::Weights::open(file).get("frames").clone();
    const bool fits =
        frames.scalar_type() == at::kByte && frames.sizes() == at::IntArrayRef(shape_);
    return fits ? std::optional(frames) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void DenseClips::keep(const std::string& prompt, std::int64_t seed,
                      const at::Tensor& frames) const {
  engine::write_safetensors(file_for(prompt, seed), {{"frames", frames}}, {{"prompt", prompt}});
}

}  // namespace twill::jobs
