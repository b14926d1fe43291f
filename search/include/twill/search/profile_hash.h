// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "twill/plan/profile.h"

namespace twill::search {

// A hash of all that decides what a solver makes of a profile; provenance and maps are left out.
std::string profile_hash(const Profile& profile);

}  // namespace twill::search
