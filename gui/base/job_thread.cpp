// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "base/job_thread.h"

#include <QMetaObject>
#include <QThread>
#include <mutex>
#include <optional>
#include <stop_token>

#include "base/text.h"

namespace twill::gui {

struct JobThread::Run {
  std::stop_source stop;
  std::unique_ptr<QThread> thread;
  std::mutex mutex;
  std::optional<jobs::Progress> latest;  // set while an event that will show it is on its way
  jobs::Outcome outcome;
};

JobThread::JobThread(QObject* parent) : QObject(parent) {}

JobThread::~JobThread() { abandon(); }

void JobThread::abandon() {
  if (run_) {
    run_->stop.request_stop();
    run_->thread->wait();
    disconnect(run_->thread.get(), nullptr, this, nullptr);
    run_.reset();
  }
}

bool JobThread::running() const { return run_ != nullptr; }
bool JobThread::stopping() const { return run_ && run_->stop.stop_requested(); }

void JobThread::stop() {
  if (run_) {
    run_->stop.request_stop();
  }
}

void JobThread::start(Work work) {
  TWILL_ASSERT(run_ == nullptr);
  auto run = std::make_shared<Run>();
  // The thread holds `self` only while the destructor waits for it, so no call meets a dead object;
  // events still queued then are dropped with it.
  jobs::JobControl control{
      .progress =
          [this, weak = std::weak_ptr<Run>(run)](const jobs::Progress& progress) {
            const auto self = weak.lock();
            if (!self) {
              return;
            }
            const std::lock_guard lock(self->mutex);
            const bool queued = self->latest.has_value();
            self->latest = progress;
            if (!queued) {
              QMetaObject::invokeMethod(
                  this,
                  [this, self] {
                    jobs::Progress now;
                    {
                      const std::lock_guard inner(self->mutex);
                      now = *self->latest;
                      self->latest.reset();
                    }
                    if (self == run_) {
                      Q_EMIT progressed(now);
                    }
                  },
                  Qt::QueuedConnection);
            }
          },
      .note =
          [this](const std::string& sentence) {
            QMetaObject::invokeMethod(
                this, [this, text = to_qt(sentence)] { Q_EMIT noted(text); }, Qt::QueuedConnection);
          },
      .stop = run->stop.get_token()};
  run->thread.reset(QThread::create([raw = run.get(), work = std::move(work), control] {
    raw->outcome = jobs::run_job([&] { work(control); });
  }));
  run_ = run;
  connect(run->thread.get(), &QThread::finished, this, [this, run] { finish(run); });
  run->thread->start();
}

void JobThread::finish(const std::shared_ptr<Run>& run) {
  if (run != run_) {
    return;  // abandoned while this was on its way
  }
  run->thread->wait();
  // Free before the signal, so that a slot may start the next job.
  run_.reset();
  // The connection of the thread holds `run`; the thread goes once control is back in the loop.
  run->thread.release()->deleteLater();
  Q_EMIT ended(run->outcome);
}

}  // namespace twill::gui
