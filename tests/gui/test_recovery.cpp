// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QApplication>
#include <QDir>
#include <QFileInfo>
#include <QFrame>
#include <QLabel>
#include <QProcess>
#include <QPushButton>
#include <QSettings>
#include <QTemporaryDir>
#include <QTest>
#include <cstdio>
#include <cstring>

#include "app/main_window.h"
#include "app/page_list.h"
#include "base/text.h"
#include "base/theme.h"
#include "gui/entries_below.h"
#include "gui/full_disk.h"
#include "gui/made_up_plan.h"
#include "plan/plan_document.h"
#include "plan/plan_edits.h"
#include "plan/recovery.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {
namespace {

constexpr int kPatienceMs = 30000;
constexpr const char* kEditAndWait = "--edit-and-wait";
const HeadRef kEdited{.expert = 0, .head = 5};

// The other process: opens the plan, makes an edit, says when it is on disk, and never ends.
int edit_and_wait(const QString& plan, const QString& folder) {
  PlanDocument document;
  Recovery recovery(document, folder);
  document.open(plan);
  bool plan_kept = false, profile_kept = false;
  const auto say = [&] {
    if (plan_kept && profile_kept) {
      std::puts("kept");
      std::fflush(stdout);
    }
  };
  QObject::connect(&recovery, &Recovery::kept, [&] {
    plan_kept = true;
    say();
  });
  QObject::connect(&recovery, &Recovery::profile_kept, [&] {
    profile_kept = true;
    say();
  });
  document.edit(QStringLiteral("edit"), with_pattern(*document.plan(), {1}, {kEdited}, skip()));
  return QCoreApplication::exec();
}

}  // namespace

class TestRecovery : public QObject {
  Q_OBJECT

  struct Studio {
    Studio(const QTemporaryDir& folder, const QString& recovery_folder)
        : settings(folder.filePath(QStringLiteral("s.ini")), QSettings::IniFormat),
          recovery(document, recovery_folder),
          window(session, make_pages(session)) {
      window.show();
      window.offer_left_edits(recovery);
    }
    QSettings settings;
    Theme theme{*qApp};
    PlanDocument document;
    Recovery recovery;
    Session session{.theme = theme, .document = document, .settings = settings};
    MainWindow window;
  };

 private Q_SLOTS:
  void init() {
    folder_ = std::make_unique<QTemporaryDir>();
    recovery_folder_ = folder_->filePath(QStringLiteral("recovery"));
    plan_file_ = folder_->filePath(QStringLiteral("my plan.json"));
    write_plan(path_from_qt(plan_file_), tests::make_plan(tests::make_profile({}), 3));
  }

  void edits_of_a_killed_process_are_offered_and_come_back() {
    kill_in_mid_edit();
    Studio studio(*folder_, recovery_folder_);
    PlanDocument& document = studio.document;
    Recovery& recovery = studio.recovery;
    MainWindow& window = studio.window;
    auto* bar = window.findChild<QFrame*>(QStringLiteral("left_edits"));
    QVERIFY(bar != nullptr);
    QVERIFY(bar->findChild<QLabel*>()->text().contains(QStringLiteral("my plan.json")));
    QTest::mouseClick(window.findChild<QPushButton*>(QStringLiteral("bring_back")), Qt::LeftButton);
    QVERIFY(document.plan() != nullptr);
    QCOMPARE(pattern_of(*document.plan(), 1, kEdited).kind, PatternKind::kSkip);
    QVERIFY(document.plan()->profile != nullptr);
    QCOMPARE(document.file(), plan_file_);
    QVERIFY(document.modified());
    QVERIFY(recovery.left().empty());
    // The file on disk is as it was until somebody saves.
    QVERIFY(pattern_of(read_plan(path_from_qt(plan_file_)), 1, kEdited).kind != PatternKind::kSkip);
    document.save_as(plan_file_);
    QTRY_VERIFY_WITH_TIMEOUT(!QFile::exists(recovery.file()), kPatienceMs);
  }

  void thrown_away_edits_are_not_offered_again() {
    kill_in_mid_edit();
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    QCOMPARE(recovery.left().size(), 1U);
    recovery.forget(recovery.left().front());
    QVERIFY(recovery.left().empty());
    QCOMPARE(left_on_disk(), QStringList());
  }

  void a_living_process_keeps_its_edits() {
    QProcess other;
    start_editing(other);
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    QVERIFY(recovery.left().empty());
    other.kill();
    QVERIFY(other.waitForFinished(kPatienceMs));
    QCOMPARE(recovery.left().size(), 1U);
  }

  // Containers start each program with the same number.
  void a_process_id_that_came_back_keeps_nothing_from_being_offered() {
    kill_in_mid_edit();
    const QStringList locks = QDir(recovery_folder_).entryList({QStringLiteral("*.lock")});
    QCOMPARE(locks.size(), 1);
    {
      QFile lock(QDir(recovery_folder_).filePath(locks[0]));
      QVERIFY(lock.open(QIODevice::WriteOnly));
      lock.write(QByteArray::number(QCoreApplication::applicationPid()) + "\n");
    }
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    QCOMPARE(recovery.left().size(), 1U);
  }

  void edits_are_offered_by_one_process_at_a_time_and_again_when_nobody_answered() {
    kill_in_mid_edit();
    PlanDocument document;
    Recovery second(document, recovery_folder_);
    {
      Recovery first(document, recovery_folder_);
      QCOMPARE(first.left().size(), 1U);
      QVERIFY(second.left().empty());
    }
    QCOMPARE(second.left().size(), 1U);
  }

  void without_the_plans_file_edits_and_profile_come_back_and_a_save_makes_the_whole_again() {
    const Plan before = read_plan(path_from_qt(plan_file_));
    kill_in_mid_edit();
    QVERIFY(QFile::remove(plan_file_));
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    QCOMPARE(recovery.bring_back(recovery.left().front()), QString());
    QCOMPARE(pattern_of(*document.plan(), 1, kEdited).kind, PatternKind::kSkip);
    QVERIFY(document.plan()->profile != nullptr);
    QCOMPARE(document.file(), plan_file_);
    document.save_as(plan_file_);
    const Plan saved = read_plan(path_from_qt(plan_file_));
    QVERIFY(saved.profile != nullptr);
    QCOMPARE(profile_to_json(*saved.profile), profile_to_json(*before.profile));
    QCOMPARE(pattern_of(saved, 1, kEdited).kind, PatternKind::kSkip);
  }

  void a_file_that_was_written_since_is_not_taken_for_the_plans() {
    kill_in_mid_edit();
    write_plan(path_from_qt(plan_file_), tests::make_plan(tests::make_profile({}), 7));
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    recovery.bring_back(recovery.left().front());
    QCOMPARE(document.file(), plan_file_);
    QCOMPARE(document.plan()->segments.size(), 3U);
    QVERIFY(document.changed_on_disk());  // a save asks
  }

  void a_profile_that_cannot_be_had_is_told_and_the_next_save_asks_where_data() {
    QTest::addColumn<bool>("damaged");
    QTest::newRow("missing") << false;
    QTest::newRow("damaged") << true;
  }
  void a_profile_that_cannot_be_had_is_told_and_the_next_save_asks_where() {
    QFETCH(bool, damaged);
    kill_in_mid_edit();
    for (const QString& file : left_on_disk().filter(QStringLiteral("profile-"))) {
      QVERIFY(QFile::resize(QDir(recovery_folder_).filePath(file), 100));
      QVERIFY(damaged || QFile::remove(QDir(recovery_folder_).filePath(file)));
    }
    QVERIFY(QFile::remove(plan_file_));
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    const QString told = recovery.bring_back(recovery.left().front());
    QVERIFY2(told.startsWith(
                 QStringLiteral("The edits are back, but not the profile that their plan had.")),
             qPrintable(told));
    QCOMPARE(told.contains(QStringLiteral("profile-1.json")), damaged);
    QCOMPARE(pattern_of(*document.plan(), 1, kEdited).kind, PatternKind::kSkip);
    QVERIFY(document.plan()->profile == nullptr);
    QCOMPARE(document.file(), QString());
  }

  void edits_that_cannot_be_read_stay_until_they_are_thrown_away() {
    kill_in_mid_edit();
    for (const QString& file : left_on_disk().filter(QStringLiteral("plan.json"))) {
      QVERIFY(QFile::resize(QDir(recovery_folder_).filePath(file), 100));
    }
    const QStringList files = left_on_disk();
    Studio studio(*folder_, recovery_folder_);
    QCOMPARE(left_on_disk(), files);
    auto* bar = studio.window.findChild<QFrame*>(QStringLiteral("left_edits"));
    QVERIFY(bar != nullptr);
    const QString said = bar->findChild<QLabel*>()->text();
    QVERIFY2(said.contains(QStringLiteral("but cannot be read: ")) &&
                 said.contains(QStringLiteral("plan.json")),
             qPrintable(said));
    QVERIFY(!bar->findChild<QPushButton*>(QStringLiteral("bring_back"))->isEnabled());
    QTest::mouseClick(bar->findChild<QPushButton*>(QStringLiteral("throw_away")), Qt::LeftButton);
    QCOMPARE(left_on_disk(), QStringList());
  }

  void edits_that_came_back_are_on_disk_all_the_time() {
    kill_in_mid_edit();
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    recovery.bring_back(recovery.left().front());
    const auto plans = [this] { return left_on_disk().filter(QStringLiteral("plan.json")).size(); };
    QCOMPARE(plans(), 1);  // where the killed process kept them
    QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(recovery.file()), kPatienceMs);
    QTRY_COMPARE_WITH_TIMEOUT(plans(), 1, kPatienceMs);  // now where this one does
    QVERIFY(QFile::exists(recovery.file()));
  }

  void what_a_killed_process_left_besides_edits_is_swept_up() {
    kill_in_mid_edit();
    for (const QString& file : left_on_disk().filter(QStringLiteral("plan.json"))) {
      QVERIFY(QFile::remove(QDir(recovery_folder_).filePath(file)));
    }
    QVERIFY(!left_on_disk().isEmpty());
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    QVERIFY(recovery.left().empty());
    QCOMPARE(left_on_disk(), QStringList());
  }

  void a_window_that_closes_leaves_nothing() {
    {
      PlanDocument document;
      const Recovery recovery(document, recovery_folder_);
      document.open(plan_file_);
      document.edit(QStringLiteral("edit"), with_pattern(*document.plan(), {1}, {kEdited}, skip()));
      QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(recovery.file()), kPatienceMs);
    }
    QCOMPARE(left_on_disk(), QStringList());
  }

  void a_folder_that_cannot_be_written_is_said_once() {
    QFile in_the_way(recovery_folder_);
    QVERIFY(in_the_way.open(QIODevice::WriteOnly));
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    int said = 0;
    connect(&recovery, &Recovery::failed, this, [&] { ++said; });
    document.open(plan_file_);
    document.edit(QStringLiteral("edit"), with_pattern(*document.plan(), {1}, {kEdited}, skip()));
    QTRY_COMPARE_WITH_TIMEOUT(said, 1, kPatienceMs);
    document.edit(QStringLiteral("edit"), with_pattern(*document.plan(), {2}, {kEdited}, skip()));
    QTest::qWait(500);
    QCOMPARE(said, 1);
  }

  void the_window_says_that_edits_are_not_kept() {
    QFile in_the_way(recovery_folder_);
    QVERIFY(in_the_way.open(QIODevice::WriteOnly));
    Studio studio(*folder_, recovery_folder_);
    studio.document.open(plan_file_);
    studio.document.edit(QStringLiteral("edit"),
                         with_pattern(*studio.document.plan(), {1}, {kEdited}, skip()));
    QFrame* bar = nullptr;
    QTRY_VERIFY_WITH_TIMEOUT(
        (bar = studio.window.findChild<QFrame*>(QStringLiteral("edits_not_kept"))) != nullptr,
        kPatienceMs);
    const QString said = bar->findChild<QLabel*>()->text();
    QVERIFY2(said.startsWith(QStringLiteral("Unsaved edits are not kept in case of a crash: ")) &&
                 said.contains(QStringLiteral(": cannot be made: ")),
             qPrintable(said));
  }

  void a_full_disk_is_said_once_and_edits_are_kept_when_there_is_room() {
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    QStringList said;
    connect(&recovery, &Recovery::failed, this, [&](const QString& text) { said.append(text); });
    document.open(plan_file_);
    {
      const tests::FullDisk full(100);
      document.edit(QStringLiteral("edit"), with_pattern(*document.plan(), {1}, {kEdited}, skip()));
      QTRY_COMPARE_WITH_TIMEOUT(said.size(), 1, kPatienceMs);
    }
    QVERIFY2(said[0].contains(QStringLiteral("cannot be written")), qPrintable(said[0]));
    QTRY_VERIFY_WITH_TIMEOUT(left_on_disk().filter(QStringLiteral("json")).isEmpty(), kPatienceMs);
    document.edit(QStringLiteral("edit"), with_pattern(*document.plan(), {2}, {kEdited}, skip()));
    QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(recovery.file()), kPatienceMs);
    const Plan kept = read_plan(path_from_qt(recovery.file()));
    QCOMPARE(pattern_of(kept, 1, kEdited).kind, PatternKind::kSkip);
    QCOMPARE(pattern_of(kept, 2, kEdited).kind, PatternKind::kSkip);
    QCOMPARE(said.size(), 1);
  }

 private:
  // Every file and folder below the recovery folder.
  QStringList left_on_disk() const { return tests::entries_below(recovery_folder_); }
  void start_editing(QProcess& other) {
    other.start(QApplication::applicationFilePath(),
                {QString::fromLatin1(kEditAndWait), plan_file_, recovery_folder_});
    QVERIFY(other.waitForStarted(kPatienceMs));
    QVERIFY(other.waitForReadyRead(kPatienceMs));
    QCOMPARE(other.readLine().trimmed(), QByteArray("kept"));
  }
  void kill_in_mid_edit() {
    QProcess other;
    start_editing(other);
    other.kill();  // SIGKILL
    QVERIFY(other.waitForFinished(kPatienceMs));
    QCOMPARE(other.exitStatus(), QProcess::CrashExit);
  }

  std::unique_ptr<QTemporaryDir> folder_;
  QString recovery_folder_, plan_file_;
};

}  // namespace twill::gui

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], twill::gui::kEditAndWait) == 0) {
    QCoreApplication application(argc, argv);
    return twill::gui::edit_and_wait(QString::fromLocal8Bit(argv[2]),
                                     QString::fromLocal8Bit(argv[3]));
  }
  QApplication application(argc, argv);
  twill::gui::TestRecovery test;
  return QTest::qExec(&test, argc, argv);
}
#include "test_recovery.moc"
