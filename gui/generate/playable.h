// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A finished clip as the player shows it.
#pragma once

#include "player/player.h"
#include "twill/jobs/generate.h"

namespace twill::gui {

Playable playable(const report::GeneratedClip& clip);

}  // namespace twill::gui
