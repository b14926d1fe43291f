// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What this build and machine can do, what is missing, and what is wrong.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace twill::jobs {

// A kernel, a model, a plan or a folder, and in a sentence why it does not do; empty: it does.
struct Examined {
  std::string name;
  std::string why_not;
};

struct DoctorReport {
  std::vector<std::pair<std::string, std::string>> facts;  // "threads" -> "2"
  std::vector<Examined> kernels;
  std::vector<Examined> models;        // the demo model's folder
  std::vector<Examined> presets;       // plan files
  std::vector<Examined> write_access;  // folders
  std::vector<std::string>
      missing;  // what build or machine lack, which may be meant; a sentence each
  std::vector<std::string> problems;  // what is wrong; a sentence each
};

DoctorReport examine();
std::string to_json(const DoctorReport& report);

}  // namespace twill::jobs
