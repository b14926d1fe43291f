// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Cost tables that were measured on this machine, so that the next search need not: one of the
// KeptValues in the cache for each device, dtype, number of threads, kernel version, layout and
// list of candidates.
#pragma once

#include <filesystem>
#include <string>

#include "twill/jobs/job.h"
#include "twill/plan/profile.h"

namespace twill::jobs {

// $XDG_CACHE_HOME/twill, else ~/.cache/twill; empty where neither is told.
std::filesystem::path cache_folder();

// As kept, else measure_costs().
CostTable costs_here(const Profile& profile, const std::string& device, const std::string& dtype,
                     int threads, const JobControl& control);

}  // namespace twill::jobs
