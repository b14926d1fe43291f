// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kept_quality.h"

#include "files.h"
#include "json.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_view.h"
#include "twill/plan/text_hash.h"

namespace twill::jobs {

KeptQuality::KeptQuality(const Session& session, const std::filesystem::path& work, bool only_kept)
    : session_(session),
      only_kept_(only_kept),
      dense_clips_(work, session),
      kept_(kept_folder(work)) {}

std::string KeptQuality::key_of(const std::string& attention, const EncodedPrompt& prompt,
                                std::uint64_t seed) const {
  return concat("quality by ", attention, ", clip ", hex(hash_text(session_.dense_key())), " seed ",
                seed, " ", prompt.text);
}

std::optional<CountedQuality> KeptQuality::find(const std::string& key) const {
  const std::optional<json> kept = kept_.get(key);
  if (!kept || !kept->is_object() || !kept->contains("psnr_db") || !kept->contains("ssim")) {
    return std::nullopt;
  }
  const json& psnr_db = kept->at("psnr_db");
  const json& ssim = kept->at("ssim");
  if (!(psnr_db.is_number() || psnr_db.is_null()) || !ssim.is_number()) {
    return std::nullopt;
  }
  const json density = kept->value("density", json(1.0));
  if (!density.is_number()) {
    return std::nullopt;
  }
  return CountedQuality{.quality = {.psnr_db = number_from(psnr_db), .ssim = ssim.get<double>()},
                        .density = density.get<double>()};
}

media::ClipQuality KeptQuality::measure(const Plan& plan, const EncodedPrompt& prompt,
                                        std::uint64_t seed, const std::string& stage) {
  const std::string key =
      key_of(concat("run ", fingerprint_at(plan, session_.step_t())), prompt, seed);
  if (const std::optional<CountedQuality> found = find(key)) {
    return found->quality;
  }
  engine::PlanAttention sparse(std::make_shared<Plan>(plan), prompt.layouts,
                               session_.clip().threads);
  const media::ClipQuality quality = make_and_compare(sparse, prompt, seed, stage);
  for (const auto& [reason, calls] : sparse.counts().fallback) {
    throw Error(
        ErrorCode::kUnsupported,
        concat(stage, ": ", calls, " attention calls ran dense against the plan: ", reason));
  }
  keep(key, {.quality = quality});
  return quality;
}

media::ClipQuality KeptQuality::make_and_compare(engine::SelfAttention& attention,
                                                 const EncodedPrompt& prompt, std::uint64_t seed,
                                                 const std::string& stage) {
  if (only_kept_) {
    throw NotKept();
  }
  const at::Tensor dense = dense_clip(prompt, seed, stage);
  const Denoised denoised = session_.denoise(prompt, seed, attention, stage);
  const at::Tensor clip = session_.decode(denoised.latents, concat("decode ", stage));
  return media::compare(rgb_frames(dense), rgb_frames(clip), session_.control().stop);
}

CountedQuality KeptQuality::measure(CountedAttention& attention, const std::string& key,
                                    const EncodedPrompt& prompt, std::uint64_t seed,
                                    const std::string& stage) {
  const std::string kept = key_of(key, prompt, seed);
  if (const std::optional<CountedQuality> found = find(kept)) {
    return *found;
  }
  CountedQuality found{.quality = make_and_compare(attention, prompt, seed, stage)};
  found.density = attention.density();
  keep(kept, found);
  return found;
}

void KeptQuality::keep(const std::string& key, const CountedQuality& found) const {
  kept_.put(key, {{"psnr_db", number(found.quality.psnr_db)},
                  {"ssim", found.quality.ssim},
                  {"density", found.density}});
}

at::Tensor KeptQuality::dense_clip(const EncodedPrompt& prompt, std::uint64_t seed,
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
