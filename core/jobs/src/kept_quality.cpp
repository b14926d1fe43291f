// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kept_quality.h"

#include "files.h"
#include "json.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/whole_files.h"

namespace twill::jobs {
namespace {

constexpr std::uintmax_t kMaxBytes = 64u << 20;

}  // namespace

KeptQuality::KeptQuality(const Session& session, const std::filesystem::path& work)
    : session_(session),
      dense_clips_(work, session),
      file_(work / concat("quality-", hex(hash_text(session.dense_key())), ".json")) {
  std::error_code code;
  if (!std::filesystem::exists(file_, code)) {
    return;
  }
  const json stored = json::parse(read_file(file_, kMaxBytes), nullptr, false);
  if (!stored.is_object()) {
    return;
  }
  for (const auto& [key, quality] : stored.items()) {
    if (quality.is_object() && quality.contains("psnr_db") && quality.contains("ssim")) {
      kept_[key] = {.psnr_db = number_from(quality["psnr_db"]),
                    .ssim = number_from(quality["ssim"])};
    }
  }
}

std::string KeptQuality::key_of(const std::string& attention, const EncodedPrompt& prompt,
                                std::int64_t seed) {
  return concat(hex(hash_text(attention)), " ", seed, " ", prompt.text);
}

ClipQuality KeptQuality::measure(const Plan& plan, const EncodedPrompt& prompt, std::int64_t seed,
                                 const std::string& stage) {
  auto bare = std::make_shared<Plan>(plan);
  bare->profile = nullptr;
  const std::string key = plan_to_json(*bare);
  if (const auto found = kept_.find(key_of(key, prompt, seed)); found != kept_.end()) {
    return found->second;
  }
  engine::PlanAttention sparse(bare, session_.layout(), session_.clip().threads);
  const ClipQuality quality = make_and_compare(sparse, prompt, seed, stage);
  for (const auto& [reason, calls] : sparse.counts().fallback) {
    throw Error(
        ErrorCode::kUnsupported,
        concat(stage, ": ", calls, " attention calls ran dense against the plan: ", reason));
  }
  keep(key_of(key, prompt, seed), quality);
  return quality;
}

ClipQuality KeptQuality::make_and_compare(engine::SelfAttention& attention,
                                          const EncodedPrompt& prompt, std::int64_t seed,
                                          const std::string& stage) {
  const at::Tensor dense = dense_clip(prompt, seed, stage);
  const Denoised denoised = session_.denoise(prompt, seed, attention, stage);
  return compare(dense, session_.decode(denoised.latents, concat("decode ", stage)),
                 session_.control().stop);
}

ClipQuality KeptQuality::measure(engine::SelfAttention& attention, const std::string& key,
                                 const EncodedPrompt& prompt, std::int64_t seed,
                                 const std::string& stage) {
  const std::string kept = key_of(key, prompt, seed);
  if (const auto found = kept_.find(kept); found != kept_.end()) {
    return found->second;
  }
  const ClipQuality quality = make_and_compare(attention, prompt, seed, stage);
  keep(kept, quality);
  return quality;
}

void KeptQuality::keep(const std::string& key, const ClipQuality& quality) {
  kept_[key] = quality;
  json stored = json::object();
  for (const auto& [name, value] : kept_) {
    stored[name] = {{"psnr_db", number(value.psnr_db)}, {"ssim", value.ssim}};
  }
  write_file(file_, stored.dump(1));
}

at::Tensor KeptQuality::dense_clip(const EncodedPrompt& prompt, std::int64_t seed,
                                   const std::string& stage) {
  if (const std::optional<at::Tensor> kept = dense_clips_.find(prompt.text, seed)) {
    return *kept;
  }
  engine::DenseAttention dense;
  const Denoised denoised = session_.denoise(prompt, seed, dense, concat("dense clip for ", stage));
  const at::Tensor frames =
      session_.decode(denoised.latents, concat("decode dense clip for ", stage));
  dense_clips_.keep(prompt.text, seed, frames);
  return frames;
}

}  // namespace twill::jobs
