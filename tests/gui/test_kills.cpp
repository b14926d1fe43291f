// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Studio is killed at random moments while a plan is edited: what it had kept is offered at the
// next start, and nothing else stays. TWILL_KILLS sets how many times, TWILL_KILL_SEED the moments.

#include <QApplication>
#include <QElapsedTimer>
#include <QFrame>
#include <QProcess>
#include <QPushButton>
#include <QRandomGenerator>
#include <QSettings>
#include <QTemporaryDir>
#include <QTest>
#include <cstdio>
#include <cstring>
#include <map>

#include "app/main_window.h"
#include "app/page_list.h"
#include "base/process_folder.h"
#include "base/text.h"
#include "base/theme.h"
#include "gui/answers.h"
#include "gui/entries_below.h"
#include "gui/made_up_plan.h"
#include "plan/plan_document.h"
#include "plan/recovery.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {
namespace {

constexpr int kPatienceMs = 60000;
constexpr const char* kEdit = "--edit";
constexpr const char* kLook = "--look";
constexpr const char* kLookAndStay = "--look-and-stay";
const QString kName = QStringLiteral("edit ");

void say(const char* word, int number, int ms = 0) {
  std::printf("%s %d %d\n", word, number, ms);
  std::fflush(stdout);
}

int number_of(const Plan& plan) {
  const QString name = to_qt(plan.name);
  return name.startsWith(kName) ? name.mid(kName.size()).toInt() : 0;
}

// What main() makes.
struct Studio {
  explicit Studio(const QString& folder)
      : settings(folder + QStringLiteral("/settings.ini"), QSettings::IniFormat),
        plan_file(folder + QStringLiteral("/plan.json")),
        recovery(document, folder + QStringLiteral("/recovery")),
        window(session, make_pages(session)) {
    window.show();
  }
  QSettings settings;
  QString plan_file;
  Theme theme{*qApp};
  PlanDocument document;
  Recovery recovery;
  Session session{.theme = theme, .document = document, .settings = settings};
  MainWindow window;
};

// Edits until it is killed; says each edit and what was kept.
int edit_until_killed(const QString& folder, quint32 seed) {
  Studio studio(folder);
  PlanDocument& document = studio.document;
  studio.window.open_plan(studio.plan_file);
  ScratchFolder scratch;
  QFile in_scratch(scratch.path() + QStringLiteral("/snapshot"));
  in_scratch.open(QIODevice::WriteOnly);
  QRandomGenerator random(seed);
  QElapsedTimer clock;
  clock.start();
  int number = number_of(*document.plan());
  int next_to_keep = number + 1;
  std::map<int, qint64> made_ms;
  QObject::connect(&studio.recovery, &Recovery::kept, [&](const std::shared_ptr<const Plan>& plan) {
    const int kept = number_of(*plan);
    // The oldest of those that are safe from now on waited longest.
    const auto oldest = made_ms.lower_bound(std::min(next_to_keep, kept));
    say("kept", kept, static_cast<int>(clock.elapsed() - oldest->second));
    next_to_keep = kept + 1;
  });
  studio.settings.sync();
  say("ready", number);
  for (;;) {
    QTest::qWait(static_cast<int>(random.bounded(1, 60)));
    Plan next = *document.plan();
    next.name = from_qt(kName + QString::number(++number));
    made_ms[number] = clock.elapsed();
    document.edit(QStringLiteral("edit"), next);
    say("edit", number);
  }
}

// Takes what is offered as a user does, and closes without saving, unless it stays to be killed.
int look(const QString& folder, bool stay) {
  Studio studio(folder);
  studio.window.open_plan(studio.plan_file);
  studio.window.offer_left_edits(studio.recovery);
  const auto bar = [&] { return studio.window.findChild<QFrame*>(QStringLiteral("left_edits")); };
  bool brought = false;
  while (bar() != nullptr) {
    // What was kept twice is offered twice, the newest first.
    const QString button = QString::fromLatin1(brought ? "throw_away" : "bring_back");
    bar()->findChild<QPushButton*>(button)->click();
    brought = true;
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
  }
  const bool whole = studio.document.plan()->profile != nullptr;
  say(brought ? "brought" : "opened", number_of(*studio.document.plan()), whole ? 1 : 0);
  if (stay) {
    return QCoreApplication::exec();
  }
  const tests::Answers answers({tests::press(QMessageBox::Discard)});
  return studio.window.close() ? 0 : 1;
}

}  // namespace

class TestKills : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void edits_survive_a_kill_at_any_moment_and_nothing_else_does() {
    const QTemporaryDir folder;
    const QString plan = folder.filePath(QStringLiteral("plan.json"));
    write_plan(path_from_qt(plan), twill::tests::make_plan(twill::tests::make_profile({}), 3));
    const int kills = number_from("TWILL_KILLS", 4);
    const auto seed = static_cast<quint32>(number_from("TWILL_KILL_SEED", 21));
    QRandomGenerator random(seed);
    int kept_ever = 0, slowest_ms = 0, lost_most = 0;
    for (int kill = 0; kill < kills; ++kill) {
      const Heard heard = edit_and_kill(folder.path(), random);
      QVERIFY2(heard.first >= 0, "it did not start");
      kept_ever += heard.kept > 0 ? 1 : 0;
      slowest_ms = std::max(slowest_ms, heard.slowest_ms);
      // Whoever is killed while the edits come back loses none of them either.
      const bool twice = random.bounded(2) == 0;
      if (twice) {
        QProcess stays;
        start(stays, folder.path(), kLookAndStay);
        QVERIFY(wait_for_line(stays, ""));  // what it shows
        stays.waitForFinished(static_cast<int>(random.bounded(400)));
        stays.kill();
        QVERIFY(stays.waitForFinished(kPatienceMs));
      }
      QProcess looks;
      start(looks, folder.path(), kLook);
      QVERIFY(looks.waitForFinished(kPatienceMs));
      QCOMPARE(looks.exitCode(), 0);
      const QList<QByteArray> said = looks.readAllStandardOutput().trimmed().split(' ');
      QCOMPARE(said.size(), 3);
      const int back = said[1].toInt();
      QVERIFY2(
          back >= heard.kept,
          qPrintable(
              QStringLiteral("kill %1: %2 of %3 kept edits").arg(kill).arg(back).arg(heard.kept)));
      QVERIFY2(back <= heard.last + 1, "it offers what was never made");
      QCOMPARE(said[2], QByteArray("1"));  // with the profile
      lost_most = std::max(lost_most, heard.last - back);
      QStringList left = QDir(folder.path()).entryList(QDir::Files | QDir::Hidden | QDir::System);
      left.removeAll(QStringLiteral("plan.json"));
      left.removeAll(QStringLiteral("settings.ini"));
      for (const char* place : {"recovery", "cache/test_kills", "tmp"}) {
        left += twill::tests::entries_below(folder.filePath(QString::fromLatin1(place)));
      }
      left.removeAll(QStringLiteral("scratch"));
      QVERIFY2(left.isEmpty(), qPrintable(left.join(QLatin1Char('\n'))));
    }
    QVERIFY(kept_ever > 0);
    qInfo(
        "%d kills, seed %u: %d had kept edits, the slowest %d ms after they were made; at most "
        "%d later ones were gone",
        kills, seed, kept_ever, slowest_ms, lost_most);
  }

 private:
  struct Heard {
    int first = -1, last = 0, kept = 0;  // numbers of edits
    int slowest_ms = 0;                  // from an edit until it was kept
  };

  static int number_from(const char* variable, int usual) {
    bool given = false;
    const int value = qEnvironmentVariableIntValue(variable, &given);
    return given ? value : usual;
  }

  static void start(QProcess& process, const QString& folder, const char* mode, quint32 seed = 0) {
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    const std::pair<const char*, const char*> places[] = {{"XDG_CACHE_HOME", "cache"},
                                                          {"XDG_CONFIG_HOME", "config"},
                                                          {"XDG_DATA_HOME", "data"},
                                                          {"XDG_RUNTIME_DIR", "runtime"},
                                                          {"TMPDIR", "tmp"}};
    for (const auto& [variable, name] : places) {
      const QString place = QDir(folder).filePath(QString::fromLatin1(name));
      QDir().mkpath(place);
      QFile::setPermissions(place, QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
      environment.insert(QString::fromLatin1(variable), place);
    }
    environment.insert(QStringLiteral("TWILL_PRESETS"), folder + QStringLiteral("/none"));
    process.setProcessEnvironment(environment);
    process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    process.start(QApplication::applicationFilePath(),
                  {QString::fromLatin1(mode), folder, QString::number(seed)});
    QVERIFY(process.waitForStarted(kPatienceMs));
  }

  static bool wait_for_line(QProcess& process, const char* word) {
    while (process.canReadLine() || process.waitForReadyRead(kPatienceMs)) {
      if (process.readLine().startsWith(word)) {
        return true;
      }
    }
    return false;
  }

  static Heard edit_and_kill(const QString& folder, QRandomGenerator& random) {
    Heard heard;
    QProcess edits;
    start(edits, folder, kEdit, random.generate());
    if (!wait_for_line(edits, "ready")) {
      return heard;
    }
    heard.first = 0;
    edits.waitForFinished(static_cast<int>(random.bounded(2000)));
    edits.kill();
    edits.waitForFinished(kPatienceMs);
    for (const QByteArray& line : edits.readAllStandardOutput().split('\n')) {
      const QList<QByteArray> words = line.split(' ');
      if (words.size() < 3) {
        continue;
      }
      const int number = words[1].toInt();
      if (words[0] == "edit") {
        heard.last = number;
      } else {
        heard.kept = std::max(heard.kept, number);
      }
      if (words[0] == "kept") {
        heard.slowest_ms = std::max(heard.slowest_ms, words[2].toInt());
      }
    }
    return heard;
  }
};

}  // namespace twill::gui

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  using namespace twill::gui;
  if (argc == 4 && std::strcmp(argv[1], kEdit) == 0) {
    return edit_until_killed(QString::fromLocal8Bit(argv[2]),
                             QString::fromLatin1(argv[3]).toUInt());
  }
  if (argc == 4 && (std::strcmp(argv[1], kLook) == 0 || std::strcmp(argv[1], kLookAndStay) == 0)) {
    return look(QString::fromLocal8Bit(argv[2]), std::strcmp(argv[1], kLookAndStay) == 0);
  }
  TestKills test;
  return QTest::qExec(&test, argc, argv);
}
#include "test_kills.moc"
