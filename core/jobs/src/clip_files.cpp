// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "clip_files.h"

#include <ATen/ATen.h>

#include "session.h"
#include "twill/engine/model.h"
#include "twill/engine/weights.h"
#include "twill/jobs/file_hash.h"
#include "twill/jobs/model_facts.h"
#include "twill/media/clip_files.h"
#include "twill/media/video_io.h"
#include "twill/plan/error.h"
#include "twill/plan/text_hash.h"

namespace twill::jobs {
namespace fs = std::filesystem;

void check_clip_file(const fs::path& file, const report::ClipSettings& clip) {
  media::check_clip_name(file);
  if (media::clip_output(file).kind != OutputKind::kVideo || !engine::is_model_there(clip.model)) {
    return;  // a missing model is told when it is to be loaded
  }
  const engine::ModelDefaults defaults = engine::describe_model(clip.model).defaults;
  media::check_video_clip(file, clip.width.value_or(defaults.size.width),
                          clip.height.value_or(defaults.size.height),
                          clip.fps.value_or(defaults.fps));
}

media::RgbFrames rgb_frames(const at::Tensor& frames) {
  TWILL_ASSERT(frames.is_contiguous() && frames.scalar_type() == at::kByte && frames.dim() == 4 &&
               frames.size(3) == 3);
  return {.width = static_cast<std::int32_t>(frames.size(2)),
          .height = static_cast<std::int32_t>(frames.size(1)),
          .frames = static_cast<std::int32_t>(frames.size(0)),
          .rgb = {frames.const_data_ptr<std::uint8_t>(), static_cast<std::size_t>(frames.numel())}};
}

media::RgbClip rgb_clip(const at::Tensor& frames, double fps) {
  const media::RgbFrames view = rgb_frames(frames);
  return {.width = view.width,
          .height = view.height,
          .frames = view.frames,
          .fps = fps,
          .rgb = {view.rgb.begin(), view.rgb.end()}};
}

report::ClipRecord clip_record(const Session& session, const std::string& prompt,
                               std::uint64_t seed, const fs::path& plan, bool adapted) {
  report::ClipRecord record{.prompt = prompt,
                            .seed = seed,
                            .clip = session.clip(),
                            .model = model_name(session.clip().model.path),
                            .model_fingerprint = session.model_fingerprint(),
                            .image = session.image_name(),
                            .end_image = session.end_image_name(),
                            .software = "twill " TWILL_VERSION};
  record.clip.model = {};
  record.clip.threads = 0;
  record.clip.vram_gib.reset();
  record.clip.ram_gib.reset();
  record.clip.loras.clear();
  for (const LoraChoice& lora : session.clip().loras) {
    record.loras.push_back(
        {.choice = {.file = lora.file.filename(), .strength = lora.strength, .expert = lora.expert},
         .fingerprint = lora_fingerprint(lora.file)});
  }
  record.clip.image.clear();
  record.clip.end_image.clear();
  if (!plan.empty()) {
    record.plan = plan.filename().string();
    record.plan_fingerprint = file_fingerprint(plan);
    record.adapted = adapted;
  }
  return record;
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
