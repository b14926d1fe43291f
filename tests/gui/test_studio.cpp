// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The program itself, without a window: what --export writes and refuses.

#include <QDir>
#include <QFile>
#include <QImage>
#include <QProcess>
#include <QProcessEnvironment>
#include <QTemporaryDir>
#include <QTest>
#include <QXmlStreamReader>
#include <set>

#include "base/text.h"
#include "gui/made_up_plan.h"
#include "plan/plan_edits.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {
namespace {

constexpr int kPatienceMs = 60000;

struct Ended {
  int code = -1;
  QString output, errors;
};

Ended run(const QStringList& arguments,
          const QProcessEnvironment& environment = QProcessEnvironment::systemEnvironment()) {
  QProcess program;
  program.setProcessEnvironment(environment);
  program.start(QStringLiteral(TWILL_STUDIO), arguments);
  program.waitForFinished(kPatienceMs);
  return {.code = program.exitStatus() == QProcess::NormalExit ? program.exitCode() : -1,
          .output = QString::fromUtf8(program.readAllStandardOutput()),
          .errors = QString::fromUtf8(program.readAllStandardError())};
}

// Of a machine without a screen; or with one that does not answer.
QProcessEnvironment without_display(const QString& display = {}) {
  QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
  for (const char* name : {"QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"}) {
    environment.remove(QString::fromLatin1(name));
  }
  if (!display.isEmpty()) {
    environment.insert(QStringLiteral("DISPLAY"), display);
  }
  return environment;
}

QByteArray bytes_of(const QString& name) {
  QFile file(name);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace

class TestStudio : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    plan_ = folder_.filePath(QStringLiteral("plan.json"));
    write_plan(path_from_qt(plan_), tests::make_plan(tests::make_profile({}), 3));
  }

  void a_picture_shows_every_head_in_its_colour() {
    const QString file = folder_.filePath(QStringLiteral("heads.png"));
    const Ended ended = run({QStringLiteral("--export"), file, plan_});
    QVERIFY2(ended.code == 0, qPrintable(ended.errors));
    const QImage image(file);
    QVERIFY(image.width() > 3 * 40);
    QVERIFY(image.height() > 4 * 40);
  }

  void a_drawing_is_svg() {
    const QString file = folder_.filePath(QStringLiteral("heads.svg"));
    QCOMPARE(run({QStringLiteral("--export"), file, plan_}).code, 0);
    QXmlStreamReader xml(bytes_of(file));
    QVERIFY(xml.readNextStartElement());
    QCOMPARE(xml.name(), QStringLiteral("svg"));
    while (!xml.atEnd()) {
      xml.readNext();
    }
    QVERIFY(!xml.hasError());
  }

  void a_table_has_a_row_for_every_head_and_segment() {
    const QString file = folder_.filePath(QStringLiteral("heads.csv"));
    QCOMPARE(run({QStringLiteral("--export"), file, plan_}).code, 0);
    const QList<QByteArray> lines = bytes_of(file).trimmed().split('\n');
    QCOMPARE(lines.size(), 1 + 3 * 4 * 3);
    QCOMPARE(lines.front(), QByteArray("t_begin,t_end,expert,stack,layer,head,pattern,details,"
                                       "density,head_error,gain"));
    QCOMPARE(lines.at(1).split(',').at(3), QByteArray("blocks"));
  }

  void a_page_holds_picture_and_table() {
    const QString file = folder_.filePath(QStringLiteral("heads.html"));
    QCOMPARE(run({QStringLiteral("--export"), file, plan_}).code, 0);
    const QByteArray page = bytes_of(file);
    QVERIFY(page.contains("data:image/png;base64,"));
    QCOMPARE(page.count("<tr><td>"), 3 * 4 * 3);
  }

  // Segment 0 is the first tab: noise, the largest t.
  void segments_are_counted_as_the_tabs_stand() {
    const Plan plan = with_segment_dense(read_plan(path_from_qt(plan_)), 2, true);
    const QString dense_first = folder_.filePath(QStringLiteral("dense_first.json"));
    write_plan(path_from_qt(dense_first), plan);
    const auto colours_of = [&](int segment) {
      const QString file = folder_.filePath(QStringLiteral("segment.png"));
      run({QStringLiteral("--theme=light"), QStringLiteral("--segment"), QString::number(segment),
           QStringLiteral("--export"), file, dense_first});
      const QImage image(file);
      std::set<QRgb> colours;
      for (int column = 0; column < 3; ++column) {
        colours.insert(image.pixel(12 + 30 + 56 * column + 2, 12 + 26 + 30 + 28));  // its frame
      }
      return colours;
    };
    QCOMPARE(colours_of(0).size(), std::size_t{1});
    QVERIFY(colours_of(2).size() > 1);
  }

  void help_and_version_need_no_display_data() {
    QTest::addColumn<QString>("display");
    QTest::newRow("none") << QString();
    QTest::newRow("one_that_does_not_answer") << QStringLiteral(":4711");
  }
  void help_and_version_need_no_display() {
    QFETCH(QString, display);
    const QProcessEnvironment environment = without_display(display);
    for (const char* word : {"--help", "-h", "--help-all"}) {
      const Ended ended = run({QString::fromLatin1(word)}, environment);
      QVERIFY2(ended.code == 0, qPrintable(ended.errors));
      QVERIFY2(ended.output.contains(QStringLiteral("--export <file>")), qPrintable(ended.output));
    }
    for (const char* word : {"--version", "-v"}) {
      const Ended ended = run({QString::fromLatin1(word)}, environment);
      QVERIFY2(ended.code == 0, qPrintable(ended.errors));
      QVERIFY2(ended.output.startsWith(QStringLiteral("twill-studio ")), qPrintable(ended.output));
    }
    const QString file = folder_.filePath(QStringLiteral("no_display.png"));
    QCOMPARE(run({QStringLiteral("--export"), file, plan_}, environment).code, 0);
    QVERIFY(QFile::exists(file));
    QCOMPARE(run({QStringLiteral("--export"), file}, environment).code, 2);
  }

  void a_window_without_a_display_is_a_failure_in_words() {
    const Ended none = run({plan_}, without_display());
    QCOMPARE(none.code, 1);
    // Qt may have said before where its files go, as where XDG_RUNTIME_DIR is not set.
    QVERIFY2(none.errors.endsWith(
                 QStringLiteral("twill-studio: there is no display for a window: neither DISPLAY "
                                "nor WAYLAND_DISPLAY is set\n")),
             qPrintable(none.errors));
    QCOMPARE(run({QStringLiteral("--theme=pink")}, without_display()).code, 2);
    const Ended silent = run({plan_}, without_display(QStringLiteral(":4711")));
    QCOMPARE(silent.code, 1);
    QVERIFY2(silent.errors.contains(QStringLiteral("twill-studio: ")), qPrintable(silent.errors));
  }

  void refusals_name_the_thing_and_write_nothing_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("said");
    QTest::addColumn<int>("code");
    const QString out = folder_.filePath(QStringLiteral("refused.png"));
    const QString damaged = folder_.filePath(QStringLiteral("damaged.json"));
    QFile file(damaged);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("{\"schema_version\": \"1.0\", \"name\": 7}");
    QTest::newRow("no_plan") << QStringList{QStringLiteral("--export"), out}
                             << QStringLiteral("--export takes one plan, and 0 are named") << 2;
    QTest::newRow("no_name") << QStringList{QStringLiteral("--export="), plan_}
                             << QStringLiteral("--export names no file") << 2;
    QTest::newRow("no_such_theme")
        << QStringList{QStringLiteral("--theme"), QStringLiteral("pink"),
                       QStringLiteral("--export"), out, plan_}
        << QStringLiteral("theme \"pink\" is not one of system, light, dark") << 2;
    QTest::newRow("no_such_theme_of_a_window")
        << QStringList{QStringLiteral("--theme=Dark")}
        << QStringLiteral("theme \"Dark\" is not one of system, light, dark") << 2;
    QTest::newRow("segment_of_a_window")
        << QStringList{QStringLiteral("--segment"), QStringLiteral("1"), plan_}
        << QStringLiteral("--segment goes with --export only") << 2;
    QTest::newRow("two_plans_of_a_window")
        << QStringList{plan_, damaged}
        << QStringLiteral("one plan is opened at a time, and 2 are named") << 2;
    QTest::newRow("no_such_option") << QStringList{QStringLiteral("--exprot"), out, plan_}
                                    << QStringLiteral("Unknown option 'exprot'") << 2;
    QTest::newRow("segment_that_is_no_number")
        << QStringList{QStringLiteral("--segment=last"), QStringLiteral("--export"), out, plan_}
        << QStringLiteral("segment \"last\" is not a number") << 2;
    QTest::newRow("damaged_plan") << QStringList{QStringLiteral("--export"), out, damaged}
                                  << QStringLiteral("damaged.json") << 1;
    QTest::newRow("no_such_file") << QStringList{QStringLiteral("--export"), out,
                                                 QStringLiteral("none.json")}
                                  << QStringLiteral("none.json") << 1;
    QTest::newRow("other_ending")
        << QStringList{QStringLiteral("--export"), QStringLiteral("heads.gif"), plan_}
        << QStringLiteral("heads.gif: the ending is not one of png, svg, csv, html") << 2;
    QTest::newRow("no_such_segment")
        << QStringList{QStringLiteral("--segment"), QStringLiteral("3"), QStringLiteral("--export"),
                       out, plan_}
        << QStringLiteral("segment 3 is not one of 0..2") << 2;
    QTest::newRow("no_such_folder")
        << QStringList{QStringLiteral("--export"),
                       folder_.filePath(QStringLiteral("no/such/a.png")), plan_}
        << QStringLiteral("a.png") << 1;
  }
  void refusals_name_the_thing_and_write_nothing() {
    QFETCH(QStringList, arguments);
    QFETCH(QString, said);
    QFETCH(int, code);
    const Ended ended = run(arguments);
    QCOMPARE(ended.code, code);
    QVERIFY2(ended.errors.contains(said), qPrintable(ended.errors));
    QVERIFY(!QFile::exists(folder_.filePath(QStringLiteral("refused.png"))));
  }

 private:
  QTemporaryDir folder_;
  QString plan_;
};

}  // namespace twill::gui

QTEST_GUILESS_MAIN(twill::gui::TestStudio)
#include "test_studio.moc"
