// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A video's metadata, a line "key=value" each: settings that are read pass their own checks, and
// are written and read back the same.
#include <map>
#include <string>

#include "fuzz.h"
#include "twill/report/clip_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::map<std::string, std::string> metadata;
  std::string_view rest = twill::fuzz::text_of(data, size);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : line.size());
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos) {
      metadata.insert_or_assign(std::string(line.substr(0, equals)),
                                std::string(line.substr(equals + 1)));
    }
  }
  twill::fuzz::read_or_refuse([&] {
    const auto record = twill::report::clip_record_from(metadata, "fuzz.mp4");
    if (!record || !record->clip.fps) {
      return;
    }
    twill::report::check_clip_settings(record->clip);
    const auto written = twill::report::to_metadata(*record);
    const auto again = twill::report::clip_record_from(written, "again.mp4");
    twill::fuzz::demand(again && twill::report::to_metadata(*again) == written,
                        "settings that are read do not write and read back the same");
  });
  return 0;
}
