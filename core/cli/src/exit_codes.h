// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "twill/plan/error.h"

namespace twill::cli {

inline constexpr int kExitFinished = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitCancelled = 130;  // as shells report an interrupted program

constexpr int exit_code(ErrorCode code) {
  return code == ErrorCode::kUsage ? kExitUsage : kExitFailed;
}

}  // namespace twill::cli
