// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What candidates cost on this machine.
#pragma once

#include <string>

#include "twill/jobs/job.h"
#include "twill/plan/profile.h"

namespace twill::jobs {

// "twill cpu 1": of a cost table.
std::string cpu_kernel_name();
// Milliseconds of every candidate for one head of a forward, measured here on random q, k and v.
CostTable measure_costs(const Profile& profile, const std::string& device, const std::string& dtype,
                        int threads, const JobControl& control);

}  // namespace twill::jobs
