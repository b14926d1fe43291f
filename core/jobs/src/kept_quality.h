// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Qualities of sparse clips that were measured, kept so that a stopped job does not make the clips
// again.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "clip_files.h"
#include "session.h"
#include "twill/plan/plan.h"

namespace twill::jobs {

class KeptQuality {
 public:
  // Below `work`, by the session's settings.
  KeptQuality(const Session& session, const std::filesystem::path& work);

  // Makes the sparse clip, and the dense one where none is kept, unless this was measured before.
  // Throws Error(kUnsupported) when attention calls ran dense against the plan.
  ClipQuality measure(const Plan& plan, const EncodedPrompt& prompt, std::int64_t seed,
                      const std::string& stage);
  // Of any attention; `key` tells it from all others.
  ClipQuality measure(engine::SelfAttention& attention, const std::string& key,
                      const EncodedPrompt& prompt, std::int64_t seed, const std::string& stage);

 private:
  static std::string key_of(const std::string& attention, const EncodedPrompt& prompt,
                            std::int64_t seed);
  void keep(const std::string& key, const ClipQuality& quality);
  ClipQuality make_and_compare(engine::SelfAttention& attention, const EncodedPrompt& prompt,
                               std::int64_t seed, const std::string& stage);
  at::Tensor dense_clip(const EncodedPrompt& prompt, std::int64_t seed, const std::string& stage);

  const Session& session_;
  DenseClips dense_clips_;
  std::filesystem::path file_;
  std::map<std::string, ClipQuality> kept_;
};

}  // namespace twill::jobs
