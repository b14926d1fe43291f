// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

namespace twill::kernels {

// The answer of every call in this folder: no exception leaves it. `reason` is empty when ok, else
// one clear sentence.
struct Status {
  bool ok = true;
  std::string reason;

  explicit operator bool() const { return ok; }
  static Status failure(std::string why) { return {false, std::move(why)}; }
};

}  // namespace twill::kernels
