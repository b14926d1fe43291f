// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QSignalSpy>
#include <QTest>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/job_thread.h"
#include "twill/plan/error.h"

using twill::Error;
using twill::ErrorCode;
using twill::gui::JobThread;
using twill::jobs::JobControl;
using twill::jobs::Outcome;
using twill::jobs::OutcomeKind;
using twill::jobs::Progress;

namespace {

constexpr int kPatienceMs = 10000;

void work_until_stopped(const JobControl& control) {
  while (!control.stop.stop_requested()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  throw twill::Cancelled();
}

// Collects what a JobThread says.
struct Ear {
  std::vector<Outcome> outcomes;
  std::vector<Progress> progress;
  explicit Ear(JobThread& job) {
    QObject::connect(&job, &JobThread::ended,
                     [this](const Outcome& outcome) { outcomes.push_back(outcome); });
    QObject::connect(&job, &JobThread::progressed,
                     [this](const Progress& now) { progress.push_back(now); });
  }
};

}  // namespace

class TestJobThread : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void work_that_returns_is_finished() {
    JobThread job;
    Ear ear(job);
    auto result = std::make_shared<int>(0);
    job.start([result](const JobControl&) { *result = 7; });
    QVERIFY(job.running());
    QTRY_COMPARE_WITH_TIMEOUT(ear.outcomes.size(), 1U, kPatienceMs);
    QCOMPARE(ear.outcomes[0].kind, OutcomeKind::kFinished);
    QCOMPARE(*result, 7);
    QVERIFY(!job.running());
  }

  void an_error_is_failed_with_its_sentence() {
    JobThread job;
    Ear ear(job);
    job.start([](const JobControl&) { throw Error(ErrorCode::kSystem, "disk is full"); });
    QTRY_COMPARE_WITH_TIMEOUT(ear.outcomes.size(), 1U, kPatienceMs);
    QCOMPARE(ear.outcomes[0].kind, OutcomeKind::kFailed);
    QCOMPARE(ear.outcomes[0].text, std::string("disk is full"));
  }

  void a_stopped_job_is_cancelled_not_failed() {
    JobThread job;
    Ear ear(job);
    job.start(work_until_stopped);
    job.stop();
    QVERIFY(job.stopping());
    QTRY_COMPARE_WITH_TIMEOUT(ear.outcomes.size(), 1U, kPatienceMs);
    QCOMPARE(ear.outcomes[0].kind, OutcomeKind::kCancelled);
    job.stop();
    QTest::qWait(20);
    QCOMPARE(ear.outcomes.size(), 1U);
  }

  void a_second_start_while_running_is_refused() {
    JobThread job;
    job.start(work_until_stopped);
    QVERIFY_THROWS_EXCEPTION(std::logic_error, job.start([](const JobControl&) {}));
  }

  void the_end_may_start_the_next_job() {
    JobThread job;
    int ends = 0;
    connect(&job, &JobThread::ended, this, [&] {
      if (++ends < 3) {
        job.start([](const JobControl&) {});
      }
    });
    job.start([](const JobControl&) {});
    QTRY_COMPARE_WITH_TIMEOUT(ends, 3, kPatienceMs);
  }

  void progress_faster_than_the_window_keeps_the_last() {
    JobThread job;
    Ear ear(job);
    job.start([](const JobControl& control) {
      for (int i = 1; i <= 10000; ++i) {
        control.progress({.stage = "work", .done = i, .total = 10000});
      }
    });
    QTRY_COMPARE_WITH_TIMEOUT(ear.outcomes.size(), 1U, kPatienceMs);
    QVERIFY(!ear.progress.empty());
    QVERIFY(ear.progress.size() <= 10000);
    QCOMPARE(ear.progress.back().done, 10000);
  }

  void destroying_a_running_job_stops_it() {
    auto stopped = std::make_shared<bool>(false);
    {
      JobThread job;
      job.start([stopped](const JobControl& control) {
        while (!control.stop.stop_requested()) {
          control.note("still here");
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        *stopped = true;
      });
      QTest::qWait(5);
    }
    QVERIFY(*stopped);
    QTest::qWait(5);  // notes that were on their way meet no dead object
  }
};

QTEST_GUILESS_MAIN(TestJobThread)
#include "test_job_thread.moc"
