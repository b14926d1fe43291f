// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/profile_hash.h"

#include <span>

#include "exact_text.h"

namespace twill::search {

std::string profile_hash(const Profile& profile) {
  Hash hash;
  hash.add(exact_text(profile.model));
  hash.add(exact_text(profile.layout));
  for (const Pattern& pattern : profile.candidates) {
    hash.add(exact_text(pattern));
  }
  hash.add(std::as_bytes(std::span(profile.t)));
  hash.add(std::as_bytes(std::span(profile.head_error)));
  hash.add(std::as_bytes(std::span(profile.gain)));
  hash.add(std::as_bytes(std::span(profile.cost.milliseconds)));
  if (!profile.int8_error.empty()) {
    hash.add(std::as_bytes(std::span(profile.int8_error)));
  }
  return hash.hex();
}

}  // namespace twill::search
