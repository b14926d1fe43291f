// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A profile of one clip size, carried to another.
#pragma once

#include "twill/plan/profile.h"
#include "twill/search/profiler.h"

namespace twill::search {

// The profile as it is expected at `layout`. Gains stay. A head's errors with a candidate are
// multiplied, at all t, with one ratio: the mean, of logarithms, of what was measured there to the
// profile's at the same t, drawn towards layout_factors() as far as measurements are few. A head
// and expert that were not measured take layout_factors() alone. The attention maps, which are of
// the old size, are left out. tests/bench/method.md tells how its constants were chosen.
// Throws Error(kUsage) when `measured` does not fit the profile.
Profile carried_profile(const Profile& profile, const TokenLayout& layout,
                        const MeasuredErrors& measured);

}  // namespace twill::search
