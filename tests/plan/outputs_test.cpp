// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/outputs.h"
#include "refusal.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <memory>
#include <set>

#include "jobs/scratch_folder.h"
#include "plan/sample_plans.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/unfinished.h"

namespace twill {
namespace {

namespace fs = std::filesystem;
using tests::ScratchFolder;

constexpr std::string_view kPng("\x89PNG\r\n\x1a\n\0\0\0\rIHDR1234567890123crc!\0\0\0\x0etEXt", 41);
const std::string kOurPng = std::string(kPng) + std::string("Software\0twill", 14) + "crc!more";
const std::string kTheirPng = std::string(kPng) + "Comment\0 drawn by hand, mentions twill";
const char* const kPlanText = R"({"patterns": [], "segments": [], "more": {"rows": []}})";
const char* const kReportText = R"({"rows": [[1, {"segments": 2}]], "psnr_db": 30})";

void put(const fs::path& file, const std::string& bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

using tests::refusal;

std::string refused(const std::vector<Output>& outputs, const std::vector<Input>& inputs = {}) {
  return refusal([&] { const Outputs asked(outputs, inputs); });
}

TEST(SameFile, IsToldByTheFileAndNotByItsName) {
  const ScratchFolder folder;
  put(folder / "a/plan.json", "x");
  put(folder / "a/other.json", "x");
  fs::create_symlink(folder / "a/plan.json", folder / "link.json");
  fs::create_hard_link(folder / "a/plan.json", folder / "hard.json");
  fs::create_directory_symlink(folder / "a", folder / "b");
  const fs::path plan = folder / "a/plan.json";
  for (const char* name : {"a/plan.json", "a/./plan.json", "a/../a//plan.json", "link.json",
                           "hard.json", "b/plan.json"}) {
    EXPECT_TRUE(same_file(plan, folder / name)) << name;
    EXPECT_TRUE(same_file(folder / name, plan)) << name;
  }
  for (const char* name : {"a/other.json", "a/none.json", "plan.json", "a"}) {
    EXPECT_FALSE(same_file(plan, folder / name)) << name;
  }
}

TEST(SameFile, OfFilesToComeIsToldByWhereTheyWillBe) {
  const ScratchFolder folder;
  fs::create_directories(folder / "a");
  fs::create_directory_symlink("a", folder / "b");
  fs::create_symlink("a/new.json", folder / "dangling.json");
  const fs::path made = folder / "a/new.json";
  for (const char* name : {"a/./new.json", "b/new.json", "dangling.json", "a/NEW.json"}) {
    EXPECT_TRUE(same_file(made, folder / name)) << name;
  }
  EXPECT_FALSE(same_file(made, folder / "a/newer.json"));
  EXPECT_FALSE(same_file(made, folder / "A/new.json"));
}

TEST(Outputs, NoneIsAnInput) {
  const ScratchFolder folder;
  put(folder / "plan.json", kPlanText);
  put(folder / "model/dit.safetensors", "weights");
  fs::create_hard_link(folder / "plan.json", folder / "hard.json");
  fs::create_symlink("plan.json", folder / "link.json");
  const std::vector<Input> inputs{{"plan", folder / "plan.json"}, {"model", folder / "model"}};
  const std::string plan = (folder / "plan.json").string();
  for (const char* name : {"plan.json", "./plan.json", "hard.json", "link.json"}) {
    const std::string out = (folder / name).string();
    EXPECT_EQ(
        refused({{out, OutputKind::kReport}}, inputs),
        out + ": the report would replace the plan " + plan + ", which is read; name another file");
    // A plan by a plan as well: the first may be the result of hours.
    EXPECT_EQ(
        refused({{out, OutputKind::kPlan}}, inputs),
        out + ": the plan would replace the plan " + plan + ", which is read; name another file");
  }
  const std::string weights = (folder / "model/dit.safetensors").string();
  fs::create_symlink(weights, folder / "clip.mp4");
  EXPECT_EQ(refused({{folder / "clip.mp4", OutputKind::kVideo}}, inputs),
            (folder / "clip.mp4").string() + ": the video would replace the model " + weights +
                ", which is read; name another file");
  EXPECT_EQ(refused({{folder / "model", OutputKind::kFrames}}, inputs),
            (folder / "model").string() + ": the folder of frames would replace the model " +
                (folder / "model").string() + ", which is read; name another file");
  EXPECT_EQ(refused({{folder / "new.json", OutputKind::kReport}}, inputs), "");
  // Files are added to a work folder, and none replaced.
  EXPECT_EQ(refused({{folder / "model", OutputKind::kFolder}}, inputs), "");
}

TEST(Outputs, NoTwoAreOneFile) {
  const ScratchFolder folder;
  fs::create_directory_symlink(".", folder / "here");
  const std::string second = (folder / "here/a.png").string();
  EXPECT_EQ(refused({{folder / "a.png", OutputKind::kPicture}, {second, OutputKind::kPicture}}),
            second + ": is to be both a picture and a picture; name two files");
  EXPECT_EQ(refused({{folder / "a", OutputKind::kReport}, {folder / "A", OutputKind::kFolder}}),
            (folder / "A").string() + ": is to be both a report and a folder; name two files");
  EXPECT_EQ(refused({{folder / "a", OutputKind::kFolder}, {folder / "a", OutputKind::kFolder}}),
            "");
  // Paths that are not asked for are no files.
  EXPECT_EQ(refused({{"", OutputKind::kPage}, {"", OutputKind::kPicture}}, {{"plan", ""}}), "");
}

struct KeptCase {
  const char* why;
  OutputKind kind;
  std::string bytes;
  std::string said;  // "" where it may be replaced
};
const KeptCase kKeptCases[] = {
    {"empty", OutputKind::kReport, "", ""},
    {"own_plan", OutputKind::kPlan, kPlanText, ""},
    {"own_profile", OutputKind::kProfile, R"({"candidates": [], "head_error": {}})", ""},
    {"own_report", OutputKind::kReport, kReportText, ""},
    {"own_policies", OutputKind::kReport, R"({"policies": 1, "tuning_prompts": 2})", ""},
    {"own_prediction", OutputKind::kReport, R"({"plans": 1, "rank_correlation": 2})", ""},
    {"own_record", OutputKind::kRecord, R"({"plan": "", "search_seconds": 2})", ""},
    {"own_page", OutputKind::kPage, "<!DOCTYPE html>\n<meta name=\"generator\" content=\"Twill\">",
     ""},
    {"own_picture", OutputKind::kPicture, kOurPng, ""},
    {"own_mp4", OutputKind::kVideo, std::string("\0\0\0\x20", 4) + "ftyp software twill 0.1.0", ""},
    {"own_webm", OutputKind::kVideo, "\x1a\x45\xdf\xa3 SOFTWARE twill 0.1.0", ""},
    {"own_gif_marked_at_its_end", OutputKind::kVideo,
     "GIF89a" + std::string(3 << 20, 'x') + "software: twill 0.1.0", ""},
    {"plan_by_report", OutputKind::kReport, kPlanText,
     "holds a plan, which is not replaced by a report; name another file"},
    {"report_by_plan", OutputKind::kPlan, kReportText,
     "holds a report, which is not replaced by a plan; name another file"},
    {"report_by_page", OutputKind::kPage, kReportText,
     "holds a report, which is not replaced by a page; name another file"},
    {"text_by_plan", OutputKind::kPlan, "what I wrote",
     "was not written by Twill as a plan, so it is not replaced; name another file"},
    {"half_a_plan", OutputKind::kPlan, R"({"patterns": [], "segments": [)",
     "was not written by Twill as a plan, so it is not replaced; name another file"},
    {"json_of_others", OutputKind::kReport, R"({"name": "rows", "list": ["psnr_db"]})",
     "was not written by Twill as a report, so it is not replaced; name another file"},
    {"deep_json", OutputKind::kReport, std::string(300'000, '['),
     "was not written by Twill as a report, so it is not replaced; name another file"},
    {"picture_of_others", OutputKind::kPicture, kTheirPng,
     "was not written by Twill as a picture, so it is not replaced; name another file"},
    {"video_of_others", OutputKind::kVideo, std::string("\0\0\0\x20", 4) + "ftyp twill fabrics",
     "was not written by Twill as a video, so it is not replaced; name another file"},
    {"page_of_others", OutputKind::kPage, "<!DOCTYPE html><title>Twill</title>",
     "was not written by Twill as a page, so it is not replaced; name another file"},
    {"file_by_frames", OutputKind::kFrames, kOurPng,
     "is no folder; name another for a folder of frames"},
};
void PrintTo(const KeptCase& c, std::ostream* out) { *out << c.why; }

class Kept : public testing::TestWithParam<KeptCase> {};
TEST_P(Kept, UnlessItIsOurs) {
  const ScratchFolder folder;
  put(folder / "file", GetParam().bytes);
  EXPECT_EQ(why_kept(folder / "file", GetParam().kind), GetParam().said);
  // Through a link it is the same file.
  fs::create_symlink("file", folder / "link");
  EXPECT_EQ(why_kept(folder / "link", GetParam().kind), GetParam().said);
}
INSTANTIATE_TEST_SUITE_P(Files, Kept, testing::ValuesIn(kKeptCases),
                         [](const auto& one) { return std::string(one.param.why); });

TEST(Kept, DevicesAndFolders) {
  const ScratchFolder folder;
  EXPECT_EQ(why_kept("/dev/null", OutputKind::kReport), "is no regular file, and is not replaced");
  EXPECT_EQ(why_kept(folder.path(), OutputKind::kReport), "is a folder, not a file to write");
  EXPECT_EQ(why_kept(folder / "none", OutputKind::kReport), "");
}

TEST(Kept, AFolderWithMoreThanOurFrames) {
  const ScratchFolder folder;
  const auto kept = [&] { return why_kept(folder / "frames/", OutputKind::kFrames); };
  const auto said = [](const std::string& name) {
    return "holds " + name +
           ", which Twill did not write, so it is not replaced by frames; name another folder";
  };
  EXPECT_EQ(kept(), "");
  fs::create_directories(folder / "frames");
  EXPECT_EQ(kept(), "");
  put(folder / "frames/frame-000.png", kOurPng);
  put(folder / "frames/frame-1024.png", kOurPng);
  EXPECT_EQ(kept(), "");
  for (const char* name : {"notes.txt", "frame-001.png.txt", "frame-.png", "sub"}) {
    put(folder / "frames" / name, kOurPng);
    EXPECT_EQ(kept(), said(name));
    fs::remove(folder / "frames" / name);
  }
  // Frames of other programs have such names too.
  put(folder / "frames/frame-001.png", kTheirPng);
  EXPECT_EQ(kept(), said("frame-001.png"));
  fs::remove(folder / "frames/frame-001.png");
  fs::create_symlink("frame-000.png", folder / "frames/frame-001.png");
  EXPECT_EQ(kept(), said("frame-001.png"));
  fs::remove(folder / "frames/frame-001.png");
  fs::create_directories(folder / "frames/frame-001.png");
  EXPECT_EQ(kept(), said("frame-001.png"));
}

TEST(Kept, TheFolderWhereThisRuns) {
  const std::string said =
      "is the folder where this runs, or one around it, and is not replaced by frames; name a new "
      "folder in it";
  EXPECT_EQ(why_kept(".", OutputKind::kFrames), said);
  EXPECT_EQ(why_kept("..", OutputKind::kFrames), said);
  EXPECT_EQ(why_kept(fs::current_path(), OutputKind::kFrames), said);
}

TEST(Kept, ByThoseWhoWritePlansAndProfiles) {
  const ScratchFolder folder;
  put(folder / "notes.txt", "mine");
  const std::string notes = (folder / "notes.txt").string();
  const Plan plan = test::small_plan();
  EXPECT_EQ(
      refusal([&] { write_plan(notes, plan); }),
      notes + ": was not written by Twill as a plan, so it is not replaced; name another file");
  write_plan(folder / "plan.json", plan);
  write_plan(folder / "plan.json", plan);
  EXPECT_EQ(names_in(folder.path()), (std::set<std::string>{"notes.txt", "plan.json"}));
}

struct NameCase {
  const char* name;
  OutputKind kind;
  const char* said;
};
TEST(Outputs, NamesPromiseWhatIsWritten) {
  const ScratchFolder folder;
  const NameCase cases[] = {
      {"x.jpg", OutputKind::kPicture, "a picture is written as PNG; name it x.png"},
      {"heads", OutputKind::kPicture, "a picture is written as PNG; name it heads.png"},
      {"x.json", OutputKind::kPage, "a page is written as HTML; name it x.html"},
      {"x.PDF", OutputKind::kPage, "a page is written as HTML; name it x.html"},
      {"x.mp4", OutputKind::kReport, "a report is written as JSON; name it x.json"},
      {"x.safetensors", OutputKind::kPlan, "a plan is written as JSON; name it x.json"},
      {"new/", OutputKind::kReport,
       "has a slash at its end and so names a folder; a report is a file"},
  };
  for (const NameCase& c : cases) {
    const std::string file = (folder / c.name).string();
    EXPECT_EQ(refused({{file, c.kind}}), file + ": " + c.said);
  }
  for (const NameCase& c : {NameCase{"x.PNG", OutputKind::kPicture, ""},
                            {"page", OutputKind::kPage, ""},
                            {"x.htm", OutputKind::kPage, ""},
                            {"report.v2", OutputKind::kReport, ""},
                            {"new/", OutputKind::kFrames, ""}}) {
    EXPECT_EQ(refused({{folder / c.name, c.kind}}), "") << c.name;
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Outputs, MissingFoldersAreMadeAndGoAgainWhileNothingIsInThem) {
  const ScratchFolder folder;
  {
    const Outputs outputs(
        {{folder / "a/b/plan.json", OutputKind::kPlan}, {folder / "work/", OutputKind::kFolder}},
        {});
    EXPECT_TRUE(fs::is_empty(folder / "a/b"));
    EXPECT_TRUE(fs::is_empty(folder / "work"));
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
  {
    const Outputs outputs(
        {{folder / "a/b/plan.json", OutputKind::kPlan}, {folder / "work", OutputKind::kFolder}},
        {});
    // Another run that relies on the folders keeps them.
    auto other = std::make_unique<Outputs>(
        std::vector<Output>{{folder / "work", OutputKind::kFolder}}, std::vector<Input>{});
    other.reset();
    EXPECT_TRUE(fs::is_directory(folder / "work"));
    put(folder / "a/b/plan.json", "x");
  }
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"a"});
}

TEST(Outputs, AFolderThatAnotherRunMadeAndLeavesIsKeptForTheFirst) {
  const ScratchFolder folder;
  const std::vector<Output> asked{{folder / "work", OutputKind::kFolder}};
  auto first = std::make_unique<Outputs>(asked, std::vector<Input>{});
  const Outputs second(asked, {});
  first.reset();
  EXPECT_TRUE(fs::is_directory(folder / "work"));
}

TEST(Outputs, AFileWhereTheFolderShouldBeIsNamed) {
  const ScratchFolder folder;
  put(folder / "file", "x");
  for (const char* name : {"file/plan.json", "file/deep/plan.json"}) {
    const std::string plan = (folder / name).string();
    EXPECT_EQ(refused({{plan, OutputKind::kPlan}}),
              plan + ": its folder cannot be made: Not a directory");
  }
}

TEST(Outputs, ThatCannotBeWrittenAreToldBeforeTheWork) {
  const std::string proc = "/proc/plan.json";
  EXPECT_EQ(refused({{proc, OutputKind::kPlan}}).find(proc + ": cannot be written: "), 0u);
  EXPECT_EQ(refused({{"/proc", OutputKind::kFolder}}).find("/proc: cannot be written: "), 0u);
}

TEST(Outputs, WhatARefusedCommandWouldHaveReplacedIsAsItWas) {
  const ScratchFolder folder;
  put(folder / "notes.html", "mine");
  EXPECT_EQ(refused({{folder / "new/a.png", OutputKind::kPicture},
                     {folder / "notes.html", OutputKind::kPage}}),
            (folder / "notes.html").string() +
                ": was not written by Twill as a page, so it is not replaced; name another file");
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"notes.html"});
}

}  // namespace
}  // namespace twill
