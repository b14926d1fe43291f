// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/unfinished.h"
#include "refusal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <thread>

#include "jobs/scratch_folder.h"
#include "twill/plan/error.h"
#include "twill/plan/whole_files.h"
#include "unfinished_names.h"

namespace twill {
namespace {

namespace fs = std::filesystem;
using tests::ScratchFolder;

std::string content(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void put(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

// Runs `work` in a child that ends there and then, as by kill -9: no destructor, no lock left.
template <typename Work>
void in_a_run_that_is_killed(const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
}

using tests::refusal;

TEST(UnfinishedNames, NoTwoAreTheSameAndEachIsKnownAgain) {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    names.insert(unfinished_name("a.b.mp4", kPartEnding));
  }
  EXPECT_EQ(names.size(), 1000u);
  EXPECT_EQ(name_of_unfinished(*names.begin(), kPartEnding), "a.b.mp4");
  EXPECT_EQ(name_of_unfinished(*names.begin(), kWholeEnding), "");
  // 255 bytes are the most that a name may have.
  EXPECT_LE(unfinished_name(std::string(255, 'n'), kWholeEnding).size(), 255u);
}

TEST(UnfinishedNames, OfOthersAreNotTakenForOurs) {
  for (const char* name :
       {".twill-part", "..twill-part", ".clip.mp4.twill-part", "clip.0123456789abcdef.twill-part",
        ".clip.0123456789ABCDEF.twill-part", ".clip.0123456789abcde.twill-part",
        ".clip0123456789abcdef.twill-part", ".clip.0123456789abcdef.twill-part.mp4", ".", ""}) {
    EXPECT_EQ(name_of_unfinished(name, kPartEnding), "") << name;
  }
}

TEST(UnfinishedFile, TakesItsPlaceWithTheModeOfTheUmask) {
  const ScratchFolder folder;
  const mode_t before = ::umask(027);
  write_file(folder / "a.json", "new");
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat((folder / "a.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
  EXPECT_EQ(content(folder / "a.json"), "new");
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"a.json"});
}

TEST(UnfinishedFile, IsGoneUnlessItWasFinished) {
  const ScratchFolder folder;
  put(folder / "a.json", "old");
  { UnfinishedFile(folder / "a.json").write("half"); }
  EXPECT_EQ(content(folder / "a.json"), "old");
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"a.json"});
}

TEST(UnfinishedFile, LinksAreFollowedAndStay) {
  const ScratchFolder folder;
  fs::create_directories(folder / "far");
  put(folder / "far/plan.json", "old");
  fs::create_symlink("far/plan.json", folder / "first.json");
  fs::create_symlink("first.json", folder / "second.json");
  fs::create_symlink("far/none.json", folder / "dangling.json");
  write_file(folder / "second.json", "new");
  write_file(folder / "dangling.json", "made");
  EXPECT_TRUE(fs::is_symlink(folder / "first.json"));
  EXPECT_TRUE(fs::is_symlink(folder / "second.json"));
  EXPECT_TRUE(fs::is_symlink(folder / "dangling.json"));
  EXPECT_EQ(content(folder / "far/plan.json"), "new");
  EXPECT_EQ(content(folder / "far/none.json"), "made");
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  EXPECT_EQ(refusal([&] { write_file(folder / "a", "x"); }),
            (folder / "a").string() + ": cannot be written: Too many levels of symbolic links");
}

TEST(UnfinishedFile, RefusalsNameTheFileThatWasAskedFor) {
  const ScratchFolder folder;
  EXPECT_EQ(refusal([&] { write_file(folder / "none/a.json", "x"); }),
            (folder / "none/a.json").string() + ": cannot be written: No such file or directory");
  fs::create_directories(folder / "taken/x");
  EXPECT_EQ(refusal([&] { write_file(folder / "taken", "x"); }),
            (folder / "taken").string() + ": cannot be written: Is a directory");
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"taken"});
}

TEST(UnfinishedFile, OfAKilledRunIsSweptAndOfALivingOneIsNot) {
  const ScratchFolder folder;
  in_a_run_that_is_killed([&] {
    (new UnfinishedFile(folder / "a.mp4"))->write("half");
    (new UnfinishedFolder(folder / "frames"))->add("frame-000.png", "half");
  });
  EXPECT_EQ(names_in(folder.path()).size(), 2u);
  put(folder / ".mine.0123456789abcdef.part", "not ours");
  UnfinishedFile living(folder / "b.mp4");
  living.write("whole");
  UnfinishedFolder living_folder(folder / "other");
  sweep_unfinished(folder.path());
  EXPECT_EQ(names_in(folder.path()).size(), 3u);
  living.finish();
  living_folder.finish();
  EXPECT_EQ(names_in(folder.path()),
            (std::set<std::string>{"b.mp4", "other", ".mine.0123456789abcdef.part"}));
}

TEST(UnfinishedFile, TheNextWriteIntoAFolderSweepsIt) {
  const ScratchFolder folder;
  in_a_run_that_is_killed([&] { (new UnfinishedFile(folder / "a.mp4"))->write("half"); });
  write_file(folder / "b.json", "x");
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"b.json"});
}

// Sweepers and writers in one folder at once: nothing that is written is lost.
TEST(UnfinishedFile, SweepersTakeNothingFromWriters) {
  const ScratchFolder folder;
  std::atomic<bool> done = false;
  std::thread sweeper([&] {
    while (!done) {
      sweep_unfinished(folder.path());
    }
  });
  for (int i = 0; i < 100; ++i) {
    write_file(folder / "a.json", std::to_string(i));
    ASSERT_EQ(content(folder / "a.json"), std::to_string(i));
    UnfinishedFolder frames(folder / "frames");
    frames.add("frame-000.png", std::to_string(i));
    frames.finish();
    ASSERT_EQ(content(folder / "frames/frame-000.png"), std::to_string(i));
  }
  done = true;
  sweeper.join();
}

TEST(UnfinishedFolder, TakesThePlaceOfNothingOfAnEmptyAndOfAFullFolder) {
  const ScratchFolder folder;
  const auto write = [&](const std::string& name, const char* text) {
    UnfinishedFolder whole(folder / name);
    whole.add("frame-000.png", text);
    whole.finish();
    EXPECT_EQ(content(folder / name / "frame-000.png"), text);
  };
  write("new", "1");
  fs::create_directories(folder / "empty");
  fs::permissions(folder / "empty", fs::perms::owner_all);
  write("empty", "2");
  EXPECT_EQ(fs::status(folder / "empty").permissions(), fs::perms::owner_all);
  put(folder / "new/frame-001.png", "old");
  write("new", "3");
  EXPECT_EQ(names_in(folder / "new"), std::set<std::string>{"frame-000.png"});
  fs::create_directory_symlink("new", folder / "link");
  write("link/", "4");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(names_in(folder.path()), (std::set<std::string>{"new", "empty", "link"}));
}

TEST(UnfinishedFolder, ThatCannotBeFilledLeavesTheOldOne) {
  const ScratchFolder folder;
  fs::create_directories(folder / "frames");
  put(folder / "frames/frame-000.png", "old");
  EXPECT_EQ(refusal([&] {
              UnfinishedFolder whole(folder / "frames");
              whole.add("none/frame-000.png", "new");
              whole.finish();
            }),
            (folder / "frames").string() + ": cannot be written: No such file or directory");
  EXPECT_EQ(content(folder / "frames/frame-000.png"), "old");
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"frames"});
}

// A file system without an exchange of names: what a kill leaves after each of the three renames.
TEST(TwoSteps, ExchangeAsOneWould) {
  const ScratchFolder folder;
  for (const char* name : {"part", "frames"}) {
    fs::create_directories(folder / name);
    put(folder / name / "frame-000.png", name);
  }
  ASSERT_TRUE(exchange_in_two_steps(folder / "part", folder / "frames"));
  EXPECT_EQ(content(folder / "frames/frame-000.png"), "part");
  EXPECT_EQ(content(folder / "part/frame-000.png"), "frames");
  EXPECT_EQ(names_in(folder.path()), (std::set<std::string>{"part", "frames"}));
}

TEST(TwoSteps, AfterTheFirstTheOldFolderStays) {
  const ScratchFolder folder;
  fs::create_directories(folder / "frames");
  put(folder / "frames/frame-000.png", "old");
  const fs::path whole = folder / unfinished_name("frames", kWholeEnding);
  fs::create_directories(whole);
  put(whole / "frame-000.png", "new");
  sweep_unfinished(folder.path());
  EXPECT_EQ(content(folder / "frames/frame-000.png"), "old");
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"frames"});
}

TEST(TwoSteps, BetweenTheLastTwoTheNewFolderIsCompleted) {
  const ScratchFolder folder;
  const fs::path whole = folder / unfinished_name("frames", kWholeEnding);
  const fs::path part = folder / unfinished_name("frames", kPartEnding);
  for (const fs::path& path : {whole, part}) {
    fs::create_directories(path);
    put(path / "frame-000.png", path == whole ? "new" : "old");
  }
  sweep_unfinished(folder.path());
  EXPECT_EQ(content(folder / "frames/frame-000.png"), "new");
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"frames"});
}

TEST(TwoSteps, ANameThatIsTooLongToBeKeptIsRefusedAndNothingMoves) {
  const ScratchFolder folder;
  const std::string name(200, 'n');
  fs::create_directories(folder / name);
  fs::create_directories(folder / "part");
  EXPECT_FALSE(exchange_in_two_steps(folder / "part", folder / name));
  EXPECT_EQ(errno, ENAMETOOLONG);
  EXPECT_EQ(names_in(folder.path()), (std::set<std::string>{"part", name}));
}

}  // namespace
}  // namespace twill
