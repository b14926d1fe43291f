// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The program itself, without a window: what --export writes and refuses.

#include <QDir>
#include <QFile>
#include <QImage>
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>
#include <QXmlStreamReader>

#include "base/text.h"
#include "gui/made_up_plan.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {
namespace {

constexpr int kPatienceMs = 60000;

struct Ended {
  int code = -1;
  QString errors;
};

Ended run(const QStringList& arguments) {
  QProcess program;
  program.start(QStringLiteral(TWILL_STUDIO), arguments);
  program.waitForFinished(kPatienceMs);
  return {.code = program.exitStatus() == QProcess::NormalExit ? program.exitCode() : -1,
          .errors = QString::fromUtf8(program.readAllStandardError())};
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
                             << QStringLiteral("--export takes one plan") << 2;
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
