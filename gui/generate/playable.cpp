// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/playable.h"

#include "base/text.h"
#include "generate/cost_teller.h"

namespace twill::gui {

Playable playable(const report::GeneratedClip& clip) {
  const QString seconds = describe_seconds(clip.times.denoise);
  const bool sparse = !clip.record.plan.empty() && clip.record.why_no_part.empty();
  const QString caption =
      sparse ? CostTeller::tr("Sparse, %1").arg(seconds) : CostTeller::tr("Dense, %1").arg(seconds);
  if (!clip.dense_frames) {
    return {.first = clip.frames, .first_caption = caption};
  }
  Playable pair{
      .first = clip.dense_frames,
      .second = clip.frames,
      .first_caption = CostTeller::tr("Dense, %1").arg(describe_seconds(clip.dense_times->denoise)),
      .second_caption = caption,
      .quality = clip.frame_quality};
  const std::optional<double> speedup = clip.speedup();
  if (!speedup) {
    pair.summary = CostTeller::tr("PSNR %1 dB, SSIM %2 against dense; %3")
                       .arg(clip.quality->psnr_db, 0, 'f', 1)
                       .arg(clip.quality->ssim, 0, 'f', 3)
                       .arg(to_qt(clip.record.why_no_part));
    return pair;
  }
  pair.summary =
      CostTeller::tr(
          "PSNR %1 dB, SSIM %2 against dense; density %3; the denoising loop is %4 times "
          "as fast")
          .arg(clip.quality->psnr_db, 0, 'f', 1)
          .arg(clip.quality->ssim, 0, 'f', 3)
          .arg(clip.density, 0, 'f', 2)
          .arg(*speedup, 0, 'f', 2);
  return pair;
}

}  // namespace twill::gui
