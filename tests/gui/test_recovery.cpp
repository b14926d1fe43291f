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
  QObject::connect(&recovery, &Recovery::kept, [] {
    std::puts("kept");
    std::fflush(stdout);
  });
  document.edit(QStringLiteral("edit"), with_pattern(*document.plan(), {1}, {kEdited}, skip()));
  return QCoreApplication::exec();
}

}  // namespace

class TestRecovery : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() {
    folder_ = std::make_unique<QTemporaryDir>();
    recovery_folder_ = folder_->filePath(QStringLiteral("recovery"));
    plan_file_ = folder_->filePath(QStringLiteral("my plan.json"));
    write_plan(path_from_qt(plan_file_), tests::make_plan(tests::make_profile({}), 3));
  }

  void edits_of_a_killed_process_are_offered_and_come_back() {
    kill_in_mid_edit();
    QSettings settings(folder_->filePath(QStringLiteral("s.ini")), QSettings::IniFormat);
    Theme theme(*qApp);
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    const Session session{.theme = theme, .document = document, .settings = settings};
    MainWindow window(session, make_pages(session));
    window.show();
    window.offer_left_edits(recovery);
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
    const Recovery recovery(document, recovery_folder_);
    QCOMPARE(recovery.left().size(), 1U);
    recovery.forget(recovery.left().front());
    QVERIFY(recovery.left().empty());
  }

  void a_living_process_keeps_its_edits() {
    QProcess other;
    start_editing(other);
    PlanDocument document;
    const Recovery recovery(document, recovery_folder_);
    QVERIFY(recovery.left().empty());
    other.kill();
    QVERIFY(other.waitForFinished(kPatienceMs));
    QCOMPARE(recovery.left().size(), 1U);
  }

  void edits_come_back_even_when_the_plans_file_is_gone() {
    kill_in_mid_edit();
    QVERIFY(QFile::remove(plan_file_));
    PlanDocument document;
    Recovery recovery(document, recovery_folder_);
    recovery.bring_back(recovery.left().front());
    QCOMPARE(pattern_of(*document.plan(), 1, kEdited).kind, PatternKind::kSkip);
    QVERIFY(document.plan()->profile == nullptr);
  }

  void a_window_that_closes_leaves_nothing() {
    {
      PlanDocument document;
      const Recovery recovery(document, recovery_folder_);
      document.open(plan_file_);
      document.edit(QStringLiteral("edit"), with_pattern(*document.plan(), {1}, {kEdited}, skip()));
      QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(recovery.file()), kPatienceMs);
    }
    QVERIFY(QDir(recovery_folder_).entryList(QDir::Files).isEmpty());
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
    const QDir folder(recovery_folder_);
    QCOMPARE(folder.entryList(QDir::Files | QDir::Hidden),
             QStringList{QFileInfo(recovery.file()).fileName() + QStringLiteral(".lock")});
    document.edit(QStringLiteral("edit"), with_pattern(*document.plan(), {2}, {kEdited}, skip()));
    QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(recovery.file()), kPatienceMs);
    const Plan kept = read_plan(path_from_qt(recovery.file()));
    QCOMPARE(pattern_of(kept, 1, kEdited).kind, PatternKind::kSkip);
    QCOMPARE(pattern_of(kept, 2, kEdited).kind, PatternKind::kSkip);
    QCOMPARE(said.size(), 1);
  }

 private:
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
