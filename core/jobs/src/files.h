// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where jobs keep their files.
#pragma once

#include <cstdint>
#include <filesystem>

namespace twill::jobs {

// What a job keeps so that it can go on: `work`, or when that is empty "<out>.work" beside `out`.
std::filesystem::path work_folder(const std::filesystem::path& out,
                                  const std::filesystem::path& work);
// Where KeptValues of a work folder lie.
std::filesystem::path kept_folder(const std::filesystem::path& work);

// What is kept of this machine and user: $XDG_CACHE_HOME/twill, else ~/.cache/twill; empty where
// neither is told.
std::filesystem::path cache_folder();

// Of the files with that ending in a folder, those that were written or used last stay, as many as
// are within most_bytes together. What cannot be removed stays.
void remove_oldest(const std::filesystem::path& folder, const std::filesystem::path& ending,
                   std::int64_t most_bytes);

}  // namespace twill::jobs
