// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "report_facts.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <span>

namespace twill::cli {
namespace {

// The words so that a shell reads them as they were.
std::string typed(int argc, char** argv) {
  std::string text = "twill";
  for (const std::string word : std::span(argv, static_cast<std::size_t>(argc)).subspan(1)) {
    const bool plain = !word.empty() && word.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789_@%+=:,./-") == std::string::npos;
    text += " " + (plain ? word : "'" + std::regex_replace(word, std::regex("'"), "'\\''") + "'");
  }
  return text;
}

std::string today() {
  const auto day = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const std::chrono::year_month_day date(day);
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

// "580.159.04" of the line that begins with "NVRM version"; Linux alone has this file.
std::string driver() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string line;
  std::getline(file, line);
  std::smatch found;
  return std::regex_search(line, found, std::regex("\\b\\d+\\.\\d+(\\.\\d+)?\\b")) ? found.str()
                                                                                   : std::string();
}

}  // namespace

report::ReportFacts report_facts(int argc, char** argv) {
  report::ReportFacts facts{{"command", typed(argc, argv)}, {"date", today()}};
  if (const std::string version = driver(); !version.empty()) {
    facts["driver"] = version;
  }
  if (const char* const commit = std::getenv("TWILL_COMMIT"); commit != nullptr && *commit != 0) {
    facts["commit"] = commit;
  }
  return facts;
}

}  // namespace twill::cli
