// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The demo model in the app: no event of the window waits long while a clip is made, and a clip
// stops soon after it is told to.
#include <QApplication>
#include <QElapsedTimer>
#include <QSettings>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <algorithm>
#include <memory>
#include <vector>

#include "app/main_window.h"
#include "app/page_list.h"
#include "base/theme.h"
#include "generate/clip_queue.h"
#include "generate/generate_page.h"
#include "plan/plan_document.h"
#include "twill/report/clip_settings.h"

namespace twill::gui {

namespace {

constexpr int kPatienceMs = 200000;
constexpr double kLongestWaitMs = 50.0;  // what the app promises
// Under sanitizers a cancel while loading took 1.4 s; there they look for something else.
#if defined(__SANITIZE_ADDRESS__)
constexpr double kLongestCancelMs = 3000.0;
#else
constexpr double kLongestCancelMs = 1000.0;
#endif

}  // namespace

class TestHeartBeat : public QObject {
  Q_OBJECT

  static ClipRequest request(std::int32_t steps) {
    ClipRequest request;
    request.options.clip.model = std::filesystem::path(TWILL_PRESETS) / "demo";
    request.options.clip.steps = steps;
    request.options.prompts = {"a red ball rolls left over a striped floor"};
    return request;
  }

  // Longest time between a posted event and its delivery, over and over until the queue is idle.
  static double longest_wait_ms(ClipQueue& queue) {
    double longest = 0.0;
    QElapsedTimer sent;
    QObject post;
    std::function<void()> beat = [&] {
      longest = std::max(longest, static_cast<double>(sent.nsecsElapsed()) / 1e6);
      QTimer::singleShot(2, Qt::PreciseTimer, &post, [&] {
        sent.restart();
        QMetaObject::invokeMethod(&post, beat, Qt::QueuedConnection);
      });
    };
    // A timer that comes late counts too: the window was busy then.
    QTimer clock;
    QElapsedTimer last;
    last.start();
    QObject::connect(&clock, &QTimer::timeout, &post, [&] {
      longest = std::max(longest, static_cast<double>(last.nsecsElapsed()) / 1e6 - 5.0);
      last.restart();
    });
    clock.setTimerType(Qt::PreciseTimer);
    clock.start(5);
    sent.start();
    beat();
    const bool idle = QTest::qWaitFor([&] { return !queue.busy(); }, kPatienceMs);
    return idle ? longest : 1e9;
  }

  // From the first word of a stage of the queue's only clip, which is then cancelled, to its end.
  static double ms_to_stop_in(const QString& stage, ClipQueue& queue) {
    QElapsedTimer since;
    QObject post;
    connect(&queue, &ClipQueue::progressed, &post, [&](const jobs::Progress& progress) {
      if (!since.isValid() && QString::fromStdString(progress.stage).startsWith(stage)) {
        since.start();
        queue.cancel(0);
      }
    });
    double waited = 1e9;
    connect(&queue, &ClipQueue::ended, &post,
            [&] { waited = static_cast<double>(since.nsecsElapsed()) / 1e6; });
    queue.add(request(2));
    const bool idle = QTest::qWaitFor([&] { return !queue.busy(); }, kPatienceMs);
    return idle ? waited : 1e9;
  }

 private Q_SLOTS:
  // What an earlier run kept of its clip would leave nothing to stop.
  void init() {
    cache_ = std::make_unique<QTemporaryDir>();
    qputenv("XDG_CACHE_HOME", cache_->path().toUtf8());
  }

  void no_event_waits_long_while_a_clip_is_made() {
    QTemporaryDir folder;
    QSettings settings(folder.filePath(QStringLiteral("a.ini")), QSettings::IniFormat);
    Theme theme(*qApp);
    PlanDocument document;
    const Session session{.theme = theme, .document = document, .settings = settings};
    auto page = std::make_unique<GeneratePage>(session);
    ClipQueue& queue = page->queue();
    std::vector<std::unique_ptr<Page>> pages;
    pages.push_back(std::move(page));
    MainWindow window(session, std::move(pages));
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QTest::qWait(1500);  // models are found, costs are reckoned
    // Other programs of a shared machine can take the processor away: the best of three counts.
    double best = 1e9;
    for (int i = 0; i < 3 && best > kLongestWaitMs; ++i) {
      queue.add(request(3));
      best = std::min(best, longest_wait_ms(queue));
      QCOMPARE(queue.state(queue.rowCount() - 1), RequestState::kFinished);
    }
    qInfo("longest wait of an event: %.1f ms", best);
    QVERIFY2(best < kLongestWaitMs, qPrintable(QString::number(best)));
  }

  void a_clip_stops_within_a_second_data() {
    QTest::addColumn<QString>("stage");
    for (const char* stage : {"load", "denoise", "decode"}) {
      QTest::newRow(stage) << QString::fromLatin1(stage);
    }
  }
  void a_clip_stops_within_a_second() {
    QFETCH(QString, stage);
    double best = 1e9;  // of three, as above
    for (int i = 0; i < 3 && best > kLongestCancelMs; ++i) {
      ClipQueue queue;
      best = std::min(best, ms_to_stop_in(stage, queue));
      QCOMPARE(queue.state(0), RequestState::kCancelled);
    }
    qInfo("stopped after %.0f ms", best);
    QVERIFY2(best < kLongestCancelMs, qPrintable(QString::number(best)));
  }

 private:
  std::unique_ptr<QTemporaryDir> cache_;
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestHeartBeat)
#include "test_heart_beat.moc"
