// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/generated_clip.h"

#include "json.h"

namespace twill::report {

std::optional<double> GeneratedClip::speedup() const {
  return dense_times && took_part(attention) ? std::optional(dense_times->denoise / times.denoise)
                                             : std::nullopt;
}

std::string to_json(const GenerateResult& result) {
  json clips = json::array();
  for (const GeneratedClip& clip : result.clips) {
    json value{{"prompt", clip.prompt},
               {"seed", clip.seed},
               {"file", clip.file.string()},
               {"density", clip.density},
               {"times", to_json_value(clip.times)},
               {"attention_calls", to_json_value(clip.attention)}};
    if (!clip.record.loras.empty()) {
      value["loras"] = json::array();
      for (const RecordedLora& lora : clip.record.loras) {
        value["loras"].push_back(lora_text(lora.choice));
      }
    }
    if (!clip.record.plan.empty()) {
      value["plan_took_part"] = took_part(clip.attention);
      value["why_plan_took_no_part"] = text_or_null(clip.record.why_no_part);
    }
    if (clip.dense_times) {
      value["dense_file"] = clip.dense_file.string();
      value["dense_times"] = to_json_value(*clip.dense_times);
      value["speedup"] = or_null(clip.speedup());
    }
    if (clip.quality) {
      value["psnr_db"] = number(clip.quality->psnr_db);
      value["ssim"] = clip.quality->ssim;
    }
    clips.push_back(std::move(value));
  }
  return json_dump(json{{"device", result.device}, {"dtype", result.dtype}, {"clips", clips}}, 2) +
         "\n";
}

}  // namespace twill::report
