// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a plan or a profile says of where it comes from, as text for people.
#pragma once

#include <map>
#include <string>

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"

namespace twill {

// Whether any fact is typed. Then provenance is text for people alone; else the file is as version
// 1.0 had it, and what code must know stands in provenance (twill/search/solved_for.h).
bool has_facts(const Plan& plan);
bool has_facts(const Profile& profile);

// Provenance and the typed facts by key ("steps", "sampler", "grid", "budget", ...). A fact comes
// before what provenance says under its key.
std::map<std::string, std::string> shown_facts(const Plan& plan);
std::map<std::string, std::string> shown_facts(const Profile& profile);

}  // namespace twill
