// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Sparse attention whose density depends on the clip.
#pragma once

#include "twill/engine/attention_hook.h"

namespace twill::jobs {

class CountedAttention : public engine::SelfAttention {
 public:
  // Computed tiles over all tiles of the calls so far, dense ones counted whole; 1 before any.
  double density() const { return all_ > 0.0 ? kept_ / all_ : 1.0; }

 protected:
  void count(double kept, double all) {
    kept_ += kept;
    all_ += all;
  }

 private:
  double kept_ = 0.0;
  double all_ = 0.0;
};

}  // namespace twill::jobs
