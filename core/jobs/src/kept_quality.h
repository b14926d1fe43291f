// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Qualities of sparse clips that were measured, kept so that a stopped job does not make the clips
// again.
#pragma once

#include <exception>
#include <filesystem>
#include <optional>
#include <string>

#include "clip_files.h"
#include "counted_attention.h"
#include "kept_values.h"
#include "session.h"
#include "twill/media/video_metrics.h"
#include "twill/plan/plan.h"

namespace twill::jobs {

struct CountedQuality {
  media::ClipQuality quality;
  double density = 1.0;  // of the clip
};

// Thrown where clips would have to be made and only those that are kept are wanted.
struct NotKept : std::exception {};

class KeptQuality {
 public:
  // Below `work`, by the session's settings; several processes may share it. `only_kept`: makes no
  // clip.
  KeptQuality(const Session& session, const std::filesystem::path& work, bool only_kept = false);

  // Makes the sparse clip, and the dense one where none is kept, unless this was measured before.
  // Throws Error(kUnsupported) when attention calls ran dense against the plan.
  media::ClipQuality measure(const Plan& plan, const EncodedPrompt& prompt, std::uint64_t seed,
                             const std::string& stage);
  // The same for attention whose density depends on the clip, new for each; `key` tells it from all
  // others.
  CountedQuality measure(CountedAttention& attention, const std::string& key,
                         const EncodedPrompt& prompt, std::uint64_t seed, const std::string& stage);
  // The prompt's dense clip; made, and kept, unless it was made before.
  at::Tensor dense_clip(const EncodedPrompt& prompt, std::uint64_t seed, const std::string& stage);

 private:
  std::string key_of(const std::string& attention, const EncodedPrompt& prompt,
                     std::uint64_t seed) const;
  std::optional<CountedQuality> find(const std::string& key) const;
  void keep(const std::string& key, const CountedQuality& found) const;
  media::ClipQuality make_and_compare(engine::SelfAttention& attention, const EncodedPrompt& prompt,
                                      std::uint64_t seed, const std::string& stage);

  const Session& session_;
  bool only_kept_;
  DenseClips dense_clips_;
  KeptValues kept_;
};

}  // namespace twill::jobs
