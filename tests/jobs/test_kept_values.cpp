// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Values that several processes keep in one folder: none is lost, and what is no whole value is
// measured again.
#include "kept_values.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "gui/full_disk.h"
#include "jobs/scratch_folder.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

void write_bytes(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::size_t entries_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
}

std::string numbered(const std::string& name, int number) { return concat(name, " ", number); }

TEST(KeptValues, are_found_by_key_and_by_others) {
  const tests::ScratchFolder folder;
  const KeptValues one(folder / "work" / "kept");
  EXPECT_FALSE(one.get("a"));
  EXPECT_FALSE(fs::exists(folder / "work")) << "made before there was a value";
  one.put("a", 1.5);
  one.put("b", {{"psnr_db", nullptr}, {"ssim", 0.5}});
  const KeptValues other(folder / "work" / "kept");
  EXPECT_EQ(other.get("a"), json(1.5));
  EXPECT_EQ(other.get("b"), json({{"psnr_db", nullptr}, {"ssim", 0.5}}));
  EXPECT_FALSE(other.get("c"));
  EXPECT_EQ(entries_in(folder / "work" / "kept"), 2u);
  // The layout that the ComfyUI nodes have too.
  EXPECT_EQ(one.file_of("a").filename(), "af63dc4c8601ec8c.json");
  EXPECT_EQ(json::parse(text_of(one.file_of("a"))), json({{"key", "a"}, {"value", 1.5}}));
}

TEST(KeptValues, of_two_objects_by_turns_lose_nothing) {
  const tests::ScratchFolder folder;
  const KeptValues one(folder.path());
  const KeptValues other(folder.path());
  for (int i = 0; i < 10; ++i) {
    one.put(numbered("one", i), i);
    other.put(numbered("other", i), -i);
    EXPECT_EQ(one.get(numbered("other", i)), json(-i));
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(other.get(numbered("one", i)), json(i));
    EXPECT_EQ(one.get(numbered("other", i)), json(-i));
  }
}

TEST(KeptValues, numbers_are_measured_once) {
  const tests::ScratchFolder folder;
  const KeptValues kept(folder.path());
  int measured = 0;
  const auto measure = [&] { return ++measured + 0.5; };
  EXPECT_EQ(kept.number_or("a", measure), 1.5);
  EXPECT_EQ(kept.number_or("a", measure), 1.5);
  EXPECT_EQ(KeptValues(folder.path()).number_or("a", measure), 1.5);
  EXPECT_EQ(kept.number_or("b", measure), 2.5);
  EXPECT_EQ(measured, 2);
  // JSON has no infinity; a text is no number.
  EXPECT_EQ(kept.number_or("c", [] { return std::numeric_limits<double>::infinity(); }),
            std::numeric_limits<double>::infinity());
  EXPECT_EQ(kept.number_or("c", measure), 3.5);
  kept.put("d", "1.5");
  EXPECT_EQ(kept.number_or("d", measure), 4.5);
}

TEST(KeptValues, a_key_may_be_any_bytes) {
  const tests::ScratchFolder folder;
  const KeptValues kept(folder.path());
  const std::string keys[] = {"caf\xe9",
                              "caf\xc3\xa9",
                              "",
                              "line\nend \"quoted\"",
                              "../../outside",
                              std::string("a\0b", 3),
                              std::string(100'000, 'x')};
  double value = 0.0;
  for (const std::string& key : keys) {
    kept.put(key, ++value);
  }
  value = 0.0;
  for (const std::string& key : keys) {
    EXPECT_EQ(kept.get(key), json(++value)) << key.substr(0, 40);
  }
  EXPECT_EQ(entries_in(folder.path()), std::size(keys));
}

struct Damage {
  const char* why;
  std::string bytes;
};
void PrintTo(const Damage& damage, std::ostream* stream) { *stream << damage.why; }

class DamagedValue : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedValue, is_measured_again) {
  const tests::ScratchFolder folder;
  const KeptValues kept(folder.path());
  kept.put("a", 1.5);
  kept.put("b", 2.5);
  write_bytes(kept.file_of("a"), GetParam().bytes);
  EXPECT_FALSE(kept.get("a"));
  EXPECT_EQ(kept.number_or("a", [] { return 3.5; }), 3.5);
  EXPECT_EQ(kept.get("a"), json(3.5));
  EXPECT_EQ(kept.get("b"), json(2.5)) << "the others are as they were";
}

INSTANTIATE_TEST_SUITE_P(
    Files, DamagedValue,
    ::testing::Values(
        Damage{"empty", ""}, Damage{"half_written", R"({"key": "a", "val)"},
        Damage{"of_another_key", R"({"key": "b", "value": 9})"},
        Damage{"without_a_key", R"({"value": 9})"},
        Damage{"with_a_key_that_is_no_text", R"({"key": [1], "value": 9})"},
        Damage{"without_a_value", R"({"key": "a"})"}, Damage{"a_bare_number", "9"},
        Damage{"a_list", R"(["key", "a", "value", 9])"},
        Damage{"no_text", std::string("\xff\0\xfe", 3)},
        Damage{"a_number_that_no_double_holds", R"({"key": "a", "value": 1e999})"},
        Damage{"deep", std::string(200'000, '[') + std::string(200'000, ']')},
        Damage{"deep_in_the_value", R"({"key": "a", "value": )" + std::string(200'000, '[') +
                                        std::string(200'000, ']') + "}"},
        Damage{"too_large", R"({"key": "a", "value": 9})" + std::string((16u << 20) + 1, ' ')}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(KeptValues, what_is_no_file_is_no_value) {
  const tests::ScratchFolder folder;
  const KeptValues kept(folder.path());
  ASSERT_EQ(::mkfifo(kept.file_of("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(kept.get("pipe")) << "and nobody waits for a writer";
  EXPECT_EQ(kept.number_or("pipe", [] { return 1.5; }), 1.5);
  EXPECT_EQ(kept.get("pipe"), json(1.5));
  fs::create_directories(kept.file_of("folder") / "of somebody");
  EXPECT_FALSE(kept.get("folder"));
  try {
    kept.put("folder", 1.5);
    FAIL() << "replaced a folder";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kSystem);
    EXPECT_EQ(error.what(),
              concat(kept.file_of("folder").string(), ": cannot be written: Is a directory"));
  }
  EXPECT_TRUE(fs::exists(kept.file_of("folder") / "of somebody"));
}

TEST(KeptValues, a_place_without_room_is_named_and_keeps_what_it_has) {
  const tests::ScratchFolder folder;
  const KeptValues kept(folder / "kept");
  kept.put("a", 1.5);
  std::string said;
  try {
    const tests::FullDisk full(0);
    kept.put("a", 2.5);
  } catch (const Error& error) {
    said = error.what();
    EXPECT_EQ(error.code(), ErrorCode::kSystem);
  }
  EXPECT_EQ(said, concat(kept.file_of("a").string(), ": cannot be written: File too large"));
  EXPECT_EQ(kept.get("a"), json(1.5));
  EXPECT_EQ(entries_in(folder / "kept"), 1u);
  write_bytes(folder / "file", "");
  try {
    KeptValues(folder / "file" / "kept").put("a", 1.5);
    FAIL() << "made a folder in a file";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(),
              concat((folder / "file" / "kept").string(), ": cannot be made: Not a directory"));
  }
}

// A process that runs `work` and then ends.
pid_t forked(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      work();
      ::_exit(0);
    } catch (...) {
      ::_exit(1);
    }
  }
  return child;
}

int end_of(pid_t child) {
  int status = -1;
  return ::waitpid(child, &status, 0) == child ? status : -1;
}

TEST(KeptValues, of_processes_at_once_are_all_there) {
  constexpr int kProcesses = 3, kValues = 60;
  const tests::ScratchFolder folder;
  const KeptValues kept(folder / "kept");
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    children.push_back(forked([&] {
      for (int i = 0; i < kValues; ++i) {
        kept.put(numbered(numbered("process", process), i), process + 10 * i);
        kept.put("of all", process);
      }
    }));
  }
  for (const pid_t child : children) {
    ASSERT_GT(child, 0);
    EXPECT_EQ(end_of(child), 0);
  }
  for (int process = 0; process < kProcesses; ++process) {
    for (int i = 0; i < kValues; ++i) {
      EXPECT_EQ(kept.get(numbered(numbered("process", process), i)), json(process + 10 * i));
    }
  }
  EXPECT_TRUE(kept.get("of all"));
  EXPECT_EQ(entries_in(folder / "kept"), std::size_t{kProcesses} * kValues + 1);
}

TEST(KeptValues, of_a_killed_process_are_whole_up_to_the_last) {
  constexpr int kKills = 12;
  const tests::ScratchFolder folder;
  const KeptValues kept(folder / "kept");
  const std::string filler(50'000, 'x');
  for (int kill = 0; kill < kKills; ++kill) {
    int told[2];
    ASSERT_EQ(::pipe(told), 0);
    const pid_t child = forked([&] {
      for (int i = 0;; ++i) {
        kept.put("same", {{"number", i}, {"filler", filler}});
        kept.put(numbered("own", i), i);
        if (::write(told[1], &i, sizeof i) != sizeof i) {
          ::_exit(1);
        }
      }
    });
    ASSERT_GT(child, 0);
    ::close(told[1]);
    int last = -1;
    // A few values, and then somewhere in the next one.
    for (int i = 0; i <= kill % 4; ++i) {
      ASSERT_EQ(::read(told[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    }
    ::usleep(static_cast<useconds_t>(137 * kill));
    ::kill(child, SIGKILL);
    EXPECT_EQ(end_of(child), SIGKILL);
    ::close(told[0]);
    const std::optional<json> same = kept.get("same");
    ASSERT_TRUE(same);
    EXPECT_GE(same->at("number").get<int>(), last);
    EXPECT_EQ(same->at("filler"), json(filler));
    for (int i = 0; i <= last; ++i) {
      EXPECT_EQ(kept.get(numbered("own", i)), json(i));
    }
    // What the killed process had begun goes with the next value.
    kept.put("next", kill);
    for (const fs::directory_entry& entry : fs::directory_iterator(folder / "kept")) {
      EXPECT_EQ(entry.path().extension(), ".json") << entry.path();
    }
  }
}

}  // namespace
}  // namespace twill::jobs
