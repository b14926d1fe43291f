// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Names of files by what they hold: no byte may change unseen, and a model is read once.
#include "refusal.h"
#include "twill/jobs/file_hash.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "twill/jobs/model_facts.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMiB = 1 << 20;

std::uint64_t hash_of(const std::string& text, std::uint64_t seed = 0) {
  return hash_bytes(std::as_bytes(std::span(text)), seed);
}

// Values of the reference implementation.
TEST(HashBytes, is_xxh64) {
  EXPECT_EQ(hash_of(""), 0xef46db3751d8e999u);
  EXPECT_EQ(hash_of("a"), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(hash_of("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(hash_of("xxhash"), 0x32dd38952c4bc720u);
  EXPECT_EQ(hash_of("xxhash", 20141025), 0xb559b98d844e0635u);
  EXPECT_EQ(hash_of("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1u);
}

void write_bytes(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

void change_byte(const fs::path& file, std::uintmax_t place, char by) {
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(static_cast<std::streamoff>(place));
  stream.put(by);
}

// Of zeros that take no room on the disk.
void make_file(const fs::path& file, std::uintmax_t bytes) {
  write_bytes(file, "");
  fs::resize_file(file, bytes);
}

TEST(HashFile, sees_a_change_of_any_byte_and_of_the_size) {
  const tests::ScratchFolder folder;
  const fs::path file = folder / "a";
  std::set<std::uint64_t> seen;
  std::size_t count = 0;
  for (const std::uintmax_t bytes : {std::uintmax_t{0}, std::uintmax_t{1}, std::uintmax_t{31},
                                     4 * kMiB - 1, 4 * kMiB, 4 * kMiB + 1, 9 * kMiB + 5}) {
    make_file(file, bytes);
    seen.insert(hash_file(file));
    ++count;
    // One byte after the other, so that each hash is of another file.
    for (std::uintmax_t place = 0; place < bytes; place += 1 + bytes / 23) {
      change_byte(file, place, 'x');
      seen.insert(hash_file(file));
      ++count;
    }
  }
  EXPECT_EQ(seen.size(), count);
}

TEST(HashFile, does_not_take_two_blocks_for_each_other) {
  const tests::ScratchFolder folder;
  write_bytes(folder / "a", std::string(4 * kMiB, 'a') + std::string(4 * kMiB, 'b'));
  write_bytes(folder / "b", std::string(4 * kMiB, 'b') + std::string(4 * kMiB, 'a'));
  EXPECT_NE(hash_file(folder / "a"), hash_file(folder / "b"));
}

TEST(HashFile, names_what_it_cannot_read) {
  const tests::ScratchFolder folder;
  const auto refused = [](const fs::path& file) -> std::string {
    return tests::refusal([&] { hash_file(file); });
  };
  EXPECT_EQ(refused(folder / "none"),
            (folder / "none").string() + ": cannot be read: No such file or directory");
  EXPECT_EQ(refused(folder.path()), folder.path().string() + ": not a regular file");
}

TEST(HashFile, stops_when_asked) {
  const tests::ScratchFolder folder;
  make_file(folder / "a", 5 * kMiB);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(hash_file(folder / "a", stop.get_token()), Cancelled);
}

// Large files: the memory stands in a cache of its own.
class RememberedHash : public ::testing::Test {
 protected:
  RememberedHash() {
    const char* before = std::getenv("XDG_CACHE_HOME");
    before_ = before == nullptr ? "" : before;
    ::setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1);
  }
  ~RememberedHash() override { ::setenv("XDG_CACHE_HOME", before_.c_str(), 1); }

  std::vector<fs::path> kept() const {
    std::vector<fs::path> files;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder_ / "cache/twill/hashes", code)) {
      files.push_back(entry.path());
    }
    return files;
  }

  // Files whose last change is no longer so near that another one could have the same time.
  static void grow_old() { ::usleep(3'100'000); }

  const tests::ScratchFolder folder_;

 private:
  std::string before_;
};

TEST_F(RememberedHash, is_used_while_the_file_is_as_it_was) {
  const fs::path file = folder_ / "large";
  make_file(file, 64 * kMiB);
  const std::uint64_t first = hash_file(file);
  EXPECT_TRUE(kept().empty()) << "a second change could have the same time";
  grow_old();
  EXPECT_EQ(hash_file(file), first);
  ASSERT_EQ(kept().size(), 1U);
  // What is kept is taken: another number there shows that the file was not read again.
  std::ifstream stream(kept()[0]);
  std::string path;
  std::string stamp;
  std::getline(stream, path);
  std::getline(stream, stamp);
  EXPECT_EQ(path, fs::canonical(file).string());
  write_bytes(kept()[0], path + "\n" + stamp + "\n00000000000000ff\n");
  EXPECT_EQ(hash_file(file), 0xffU);
  // A byte is written and the time set back, as tools that copy do: the file is read again.
  const fs::file_time_type time = fs::last_write_time(file);
  change_byte(file, 40 * kMiB + 7, 'x');
  fs::last_write_time(file, time);
  const std::uint64_t changed = hash_file(file);
  EXPECT_NE(changed, first);
  EXPECT_NE(changed, 0xffU);
  // A damaged memory is none.
  write_bytes(kept()[0], "x");
  EXPECT_EQ(hash_file(file), changed);
}

TEST_F(RememberedHash, is_not_kept_of_small_files) {
  make_file(folder_ / "small", 63 * kMiB);
  fs::last_write_time(folder_ / "small", {});
  hash_file(folder_ / "small");
  EXPECT_TRUE(kept().empty());
}

TEST_F(RememberedHash, is_not_needed) {
  ::setenv("XDG_CACHE_HOME", "/proc/no/such/place", 1);
  const fs::path file = folder_ / "large";
  make_file(file, 64 * kMiB);
  EXPECT_EQ(hash_file(file), hash_file(file));
}

TEST(ModelFingerprint, changes_with_any_byte_of_the_files_that_are_named) {
  const tests::ScratchFolder folder;
  const fs::path model = folder / "model";
  tests::write_tiny_model(model);
  std::set<std::string> seen{model_fingerprint(model)};
  std::size_t count = 1;
  for (const char* name : {"dit.safetensors", "vae.safetensors", "text.safetensors"}) {
    const std::uintmax_t bytes = fs::file_size(model / name);
    for (std::uintmax_t place = bytes / 2; place < bytes; place += 1 + bytes / 9) {
      change_byte(model / name, place, '\1');
      seen.insert(model_fingerprint(model));
      ++count;
    }
  }
  EXPECT_EQ(seen.size(), count);
}

TEST(ModelFingerprint, changes_with_loras_their_bytes_strengths_experts_and_order) {
  const tests::ScratchFolder folder;
  const fs::path a = folder / "a.safetensors";
  const fs::path b = folder / "b.safetensors";
  write_bytes(a, "one");
  write_bytes(b, "another");
  const std::string model = "0123456789abcdef";
  EXPECT_EQ(fingerprint_with(model, {}), model);
  const std::vector<std::vector<LoraChoice>> different{{{.file = a}},
                                                       {{.file = b}},
                                                       {{.file = a, .strength = 0.5}},
                                                       {{.file = a, .expert = "low_noise"}},
                                                       {{.file = a}, {.file = b}},
                                                       {{.file = b}, {.file = a}},
                                                       {{.file = a}, {.file = a}}};
  std::set<std::string> seen{model};
  for (const std::vector<LoraChoice>& loras : different) {
    seen.insert(fingerprint_with(model, loras));
  }
  EXPECT_EQ(seen.size(), different.size() + 1);
  // Where it lies and what it is called change nothing of the clips.
  fs::rename(a, folder / "c.safetensors");
  EXPECT_TRUE(seen.contains(fingerprint_with(model, {{.file = folder / "c.safetensors"}})));
  write_bytes(a, "two");
  EXPECT_FALSE(seen.contains(fingerprint_with(model, {{.file = a}})));
}

TEST(ModelFingerprint, follows_model_json_into_folders_and_shards) {
  const tests::ScratchFolder folder;
  const fs::path model = folder / "model";
  tests::write_tiny_model(model);
  fs::create_directories(model / "weights");
  fs::rename(model / "vae.safetensors", model / "weights/vae.safetensors");
  fs::rename(model / "dit.safetensors", model / "weights/part-1.safetensors");
  // An index may name what it likes here: only its shards are looked at.
  write_bytes(model / "weights/dit.safetensors.index.json",
              R"({"weight_map": {"head.modulation": "part-1.safetensors"}})");
  write_bytes(model / "model.json", R"({
    "family": "wan2.1-t2v",
    "files": {"dit": "weights/dit.safetensors.index.json", "vae": "weights/vae.safetensors",
              "text": "text.safetensors"},
    "default": {"width": 128, "height": 128, "frames": 33, "fps": 8, "steps": 4, "shift": 3.0,
                "cfg": 1.0, "sampler": "euler"}})");
  std::string before = model_fingerprint(model);
  for (const char* name : {"weights/vae.safetensors", "weights/part-1.safetensors",
                           "weights/dit.safetensors.index.json", "model.json"}) {
    std::ofstream(model / name, std::ios::binary | std::ios::app) << ' ';
    const std::string after = model_fingerprint(model);
    EXPECT_NE(after, before) << name;
    before = after;
  }
  write_bytes(model / "another.safetensors", "not the model's");
  EXPECT_EQ(model_fingerprint(model), before);
  std::int64_t bytes = 0;
  for (const char* name : {"weights/vae.safetensors", "weights/part-1.safetensors",
                           "weights/dit.safetensors.index.json", "text.safetensors"}) {
    bytes += static_cast<std::int64_t>(fs::file_size(model / name));
  }
  // The appended spaces are holes that a reader of headers does not mind.
  EXPECT_EQ(read_model_facts(model).weight_bytes, bytes);
}

}  // namespace
}  // namespace twill::jobs
