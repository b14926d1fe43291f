// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "comfy/comfy_page.h"

#include <QComboBox>
#include <QCoreApplication>
#include <QDir>
#include <QFileDialog>
#include <QFormLayout>
#include <QJsonArray>
#include <QJsonDocument>
#include <QLabel>
#include <QLineEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSettings>
#include <QSplitter>
#include <QStackedWidget>
#include <QVBoxLayout>

#include "base/scroll_column.h"
#include "base/text.h"
#include "comfy/workflow.h"
#include "plan/plan_document.h"
#include "player/picture_view.h"
#include "player/player.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"
#include "twill/report/clip_record.h"

namespace twill::gui {
namespace {

const QString kAsItIs = QStringLiteral("as it is");
const QString kOpen = QStringLiteral("open");
// Name under which ComfyUI gets the plan that is open.
const QString kSentPlan = QStringLiteral("twill-studio");
constexpr qint64 kMostWorkflowBytes = 20'000'000;

bool is_video(const QString& name) {
  return name.endsWith(QLatin1String(".mp4")) || name.endsWith(QLatin1String(".webm")) ||
         name.endsWith(QLatin1String(".gif"));
}

// The plans that the node pack offers in its choices.
QStringList plans_of(const QJsonObject& nodes) {
  QStringList plans;
  const QJsonArray spec = nodes.value(QLatin1String("TwillLoadSparsePlan"))
                              .toObject()
                              .value(QLatin1String("input"))
                              .toObject()
                              .value(QLatin1String("required"))
                              .toObject()
                              .value(QLatin1String("plan"))
                              .toArray();
  // Either a list of choices, or "COMBO" with the list among its options.
  const QJsonArray choices = spec.at(0).isArray()
                                 ? spec.at(0).toArray()
                                 : spec.at(1).toObject().value(QLatin1String("options")).toArray();
  for (const QJsonValue& choice : choices) {
    plans.append(choice.toString());
  }
  return plans;
}

bool has_our_nodes(const QJsonObject& nodes) {
  return nodes.contains(QLatin1String("TwillLoadSparsePlan"));
}

}  // namespace

QString find_example_workflows() {
  QDir folder(QCoreApplication::applicationDirPath());
  do {
    for (const QString& inside : {QStringLiteral("comfy_nodes/example_workflows"),
                                  QStringLiteral("share/twill/example_workflows")}) {
      if (folder.exists(inside)) {
        return folder.filePath(inside);
      }
    }
  } while (folder.cdUp());
  return {};
}

ComfyPage::ComfyPage(const Session& session) : session_(session) {
  build();
  connect_client();
  connect_jobs();
  connect(&session_.document, &PlanDocument::title_changed, this, &ComfyPage::refresh_plans);
  refresh_plans();
}

ComfyPage::~ComfyPage() { client_.disconnect(this); }

void ComfyPage::build() {
  auto* splitter = new QSplitter(Qt::Horizontal);
  widget_ = splitter;
  splitter->setObjectName(QStringLiteral("comfy_page"));
  splitter->setChildrenCollapsible(false);
  splitter->addWidget(new ScrollColumn(make_form(), splitter));
  splitter->addWidget(make_view());
  splitter->setStretchFactor(1, 1);
  splitter->setSizes({360, 860});
}

QWidget* ComfyPage::make_form() {
  auto* side = new QWidget;
  auto* layout = new QVBoxLayout(side);
  auto* form = new QFormLayout;
  address_ = new QLineEdit(QStringLiteral("127.0.0.1:8188"), side);
  address_->setObjectName(QStringLiteral("address"));
  connect_ = new QPushButton(tr("&Connect"), side);
  connect_->setObjectName(QStringLiteral("connect"));
  state_ = new QLabel(tr("Not connected"), side);
  state_->setObjectName(QStringLiteral("state"));
  state_->setWordWrap(true);
  workflow_ = new QComboBox(side);
  workflow_->setObjectName(QStringLiteral("workflow"));
  workflow_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  const QDir examples(find_example_workflows());
  if (!find_example_workflows().isEmpty()) {
    for (const QString& name : examples.entryList({QStringLiteral("*.json")}, QDir::Files)) {
      workflow_->addItem(QFileInfo(name).completeBaseName(), examples.filePath(name));
    }
  }
  auto* open = new QPushButton(tr("&Workflow file..."), side);
  open->setObjectName(QStringLiteral("open_workflow"));
  plan_ = new QComboBox(side);
  plan_->setObjectName(QStringLiteral("comfy_plan"));
  plan_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  run_ = new QPushButton(tr("&Run"), side);
  run_->setObjectName(QStringLiteral("run"));
  cancel_ = new QPushButton(tr("C&ancel"), side);
  cancel_->setObjectName(QStringLiteral("cancel"));
  progress_ = new QProgressBar(side);
  progress_->setObjectName(QStringLiteral("progress"));
  problem_ = new QLabel(side);
  problem_->setObjectName(QStringLiteral("run_problem"));
  problem_->setWordWrap(true);
  message_ = new QLabel(side);
  message_->setObjectName(QStringLiteral("message"));
  message_->setWordWrap(true);
  message_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  form->addRow(tr("&Address"), address_);
  form->addRow(QString(), connect_);
  form->addRow(QString(), state_);
  form->addRow(tr("W&orkflow"), workflow_);
  form->addRow(QString(), open);
  form->addRow(tr("&Plan"), plan_);
  layout->addLayout(form);
  layout->addWidget(problem_);
  layout->addWidget(run_);
  layout->addWidget(cancel_);
  layout->addWidget(progress_);
  layout->addWidget(message_);
  layout->addStretch(1);
  connect(connect_, &QPushButton::clicked, this, [this] {
    sending_ = false;
    state_->setText(tr("Asking %1...").arg(address_->text()));
    client_.connect_to(address_->text());
    update_buttons();
  });
  connect(address_, &QLineEdit::returnPressed, connect_, &QPushButton::click);
  connect(open, &QPushButton::clicked, this, [this] {
    const QString file = QFileDialog::getOpenFileName(widget_, tr("Workflow"), QString(),
                                                      tr("Workflows of ComfyUI (*.json)"));
    if (!file.isEmpty()) {
      choose_workflow(file);
    }
  });
  connect(plan_, &QComboBox::currentIndexChanged, this, &ComfyPage::update_buttons);
  connect(run_, &QPushButton::clicked, this, &ComfyPage::run);
  connect(cancel_, &QPushButton::clicked, &client_, &ComfyClient::cancel);
  return side;
}

QWidget* ComfyPage::make_view() {
  shown_ = new QStackedWidget;
  picture_ = new PictureView(tr("What ComfyUI makes is shown here"), shown_);
  player_ = new Player(shown_);
  shown_->addWidget(picture_);
  shown_->addWidget(player_);
  return shown_;
}

void ComfyPage::connect_client() {
  connect(&client_, &ComfyClient::connected, this, [this](const QString& version) {
    state_->setText(tr("ComfyUI %1, %2 nodes").arg(version).arg(client_.nodes().size()));
    if (!has_our_nodes(client_.nodes())) {
      state_->setText(state_->text() + tr("; Twill's nodes are not installed there"));
    }
    refresh_plans();
    update_buttons();
  });
  connect(&client_, &ComfyClient::connection_failed, this, [this](const QString& sentence) {
    sending_ = false;
    state_->setText(sentence);
    update_buttons();
  });
  connect(&client_, &ComfyClient::plan_put, this, [this](const QString& name) {
    sending_ = false;
    refresh_plans();
    queue_workflow(name);
  });
  connect(&client_, &ComfyClient::plan_refused, this, &ComfyPage::fail);
  connect(&client_, &ComfyClient::queued, this, [this] { tell(tr("Waiting in ComfyUI's queue")); });
  connect(&client_, &ComfyClient::node_started, this, [this](const QString&, const QString& type) {
    tell(tr("Running %1").arg(type));
    progress_->setRange(0, 0);
  });
  connect(&client_, &ComfyClient::progressed, this,
          [this](const QString& type, int value, int most) {
            progress_->setRange(0, most);
            progress_->setValue(value);
            progress_->setFormat(tr("%1: %2 of %3").arg(type).arg(value).arg(most));
          });
  connect(&client_, &ComfyClient::previewed, this, [this](const QImage& picture) {
    picture_->set_picture(picture);
    shown_->setCurrentWidget(picture_);
  });
  connect(&client_, &ComfyClient::produced, this, &ComfyPage::take_files);
  connect(&client_, &ComfyClient::ended, this, [this](const jobs::Outcome& outcome) {
    progress_->setRange(0, 1);
    progress_->reset();
    if (outcome.kind == jobs::OutcomeKind::kFailed) {
      tell(tr("Failed: %1").arg(to_qt(outcome.text)));
    } else if (outcome.kind == jobs::OutcomeKind::kCancelled) {
      tell(tr("Cancelled"));
    }
    if (!client_.is_connected()) {
      state_->setText(tr("Not connected"));
    }
    update_buttons();
  });
}

void ComfyPage::connect_jobs() {
  connect(&writer_, &JobThread::ended, this, [this](const jobs::Outcome& outcome) {
    if (!sending_) {
      // Connected to another ComfyUI meanwhile.
    } else if (outcome.kind == jobs::OutcomeKind::kFinished) {
      client_.put_plan(kSentPlan, QByteArray::fromStdString(*written_));
    } else {
      fail(to_qt(outcome.text));
    }
    written_.reset();
  });
  connect(&reader_, &JobThread::ended, this, [this](const jobs::Outcome& outcome) {
    outcome.kind == jobs::OutcomeKind::kFinished ? show_result() : tell(to_qt(outcome.text));
  });
}

void ComfyPage::refresh_plans() {
  const QVariant chosen = plan_->currentData();
  plan_->clear();
  plan_->addItem(tr("As the workflow says"), kAsItIs);
  if (session_.document.plan()) {
    plan_->addItem(tr("The open plan: %1").arg(to_qt(session_.document.plan()->name)), kOpen);
  }
  for (const QString& name : plans_of(client_.nodes())) {
    plan_->addItem(name, name);
  }
  plan_->setCurrentIndex(std::max(0, plan_->findData(chosen)));
  update_buttons();
}

QString ComfyPage::problem() const {
  if (!client_.is_connected()) {
    return tr("Connect to a ComfyUI to run a workflow there.");
  }
  if (workflow_->count() == 0) {
    return tr("Choose a workflow file.");
  }
  if (!has_our_nodes(client_.nodes()) && plan_->currentData().toString() == kOpen) {
    return tr("Twill's nodes are not installed in that ComfyUI: no plan can be given to it.");
  }
  return {};
}

void ComfyPage::update_buttons() {
  const bool busy = client_.running() || sending_;
  const QString why_not = busy ? QString() : problem();
  run_->setEnabled(!busy && why_not.isEmpty());
  problem_->setText(why_not);
  problem_->setVisible(!why_not.isEmpty());
  cancel_->setEnabled(client_.running());
}

void ComfyPage::choose_workflow(const QString& file) {
  const int known = workflow_->findData(file);
  if (known < 0) {
    workflow_->addItem(QFileInfo(file).completeBaseName(), file);
  }
  workflow_->setCurrentIndex(known < 0 ? workflow_->count() - 1 : known);
  update_buttons();
}

void ComfyPage::run() {
  tell({});
  if (plan_->currentData().toString() == kOpen) {
    send_plan();
  } else {
    queue_workflow(plan_->currentData().toString());
  }
}

void ComfyPage::send_plan() {
  writer_.abandon();  // a plan for the ComfyUI that was connected before
  sending_ = true;
  update_buttons();
  tell(tr("Sending the plan..."));
  written_ = std::make_shared<std::string>();
  // With a profile it is megabytes of text.
  writer_.start([plan = session_.document.plan(), text = written_](const jobs::JobControl&) {
    *text = plan_to_json(*plan);
  });
}

void ComfyPage::queue_workflow(const QString& plan) {
  const QString file = workflow_->currentData().toString();
  QFile stream(file);
  if (!stream.open(QIODevice::ReadOnly) || stream.size() > kMostWorkflowBytes) {
    fail(tr("%1: cannot be read: %2").arg(file, stream.errorString()));
    return;
  }
  try {
    QJsonParseError error;
    const QJsonDocument document = QJsonDocument::fromJson(stream.readAll(), &error);
    require(document.isObject(), ErrorCode::kFile, from_qt(file),
            ": is no workflow of ComfyUI: ", from_qt(error.errorString()));
    QJsonObject prompt = prompt_of(document.object(), client_.nodes(), file);
    if (plan != kAsItIs) {
      const bool known = plans_of(client_.nodes()).contains(plan);
      require(known, ErrorCode::kModel, "ComfyUI does not list the plan ", from_qt(plan));
      require(set_plan(prompt, plan) > 0, ErrorCode::kFile, from_qt(file),
              ": no node of it chooses a plan");
    }
    client_.queue(prompt);
  } catch (const Error& error) {
    fail(to_qt(error.what()));
  }
  update_buttons();
}

void ComfyPage::take_files(const QList<ComfyFile>& files) {
  waiting_.clear();
  clips_ = std::make_shared<std::vector<ClipPtr>>();
  for (const ComfyFile& file : files) {
    // What stays on its disk is the result; "temp" is what its page previews.
    if (is_video(file.name) || file.type != QLatin1String("output")) {
      waiting_.append(file);
    } else {
      waiting_.prepend(file);
    }
  }
  tell(files.isEmpty()
           ? tr("Finished; the workflow made no file")
           : tr("Finished; fetching %n file(s)", nullptr, static_cast<int>(files.size())));
  fetch_next();
}

void ComfyPage::fetch_next() {
  if (waiting_.isEmpty()) {
    show_result();
    return;
  }
  const ComfyFile file = waiting_.takeFirst();
  client_.fetch(file, [this, file](const QByteArray& bytes, const QString& error) {
    if (!error.isEmpty()) {
      tell(error);
      return;
    }
    if (!is_video(file.name)) {
      if (const QImage picture = QImage::fromData(bytes); !picture.isNull()) {
        picture_->set_picture(picture);
        shown_->setCurrentWidget(picture_);
      }
      fetch_next();
      return;
    }
    QString local;
    try {
      local = QDir(files_.path()).filePath(QFileInfo(file.name).fileName());
    } catch (const Error& refusal) {
      tell(to_qt(refusal.what()));
      return;
    }
    QFile stream(local);
    if (!stream.open(QIODevice::WriteOnly) || stream.write(bytes) != bytes.size()) {
      tell(tr("%1: cannot be written: %2").arg(local, stream.errorString()));
      return;
    }
    stream.close();
    // "dense" stands on the left.
    const bool first = file.name.contains(QLatin1String("dense"));
    reader_.start([clips = clips_, first, path = path_from_qt(local)](const jobs::JobControl&) {
      auto clip = std::make_shared<const media::RgbClip>(report::read_clip(path).clip);
      clips->insert(first ? clips->begin() : clips->end(), std::move(clip));
    });
  });
}

void ComfyPage::show_result() {
  if (!waiting_.isEmpty()) {
    fetch_next();
    return;
  }
  if (!clips_ || clips_->empty()) {
    return;
  }
  const ClipPtr first = clips_->front();
  ClipPtr second = clips_->size() == 2 ? clips_->back() : nullptr;
  if (second && (second->width != first->width || second->height != first->height ||
                 second->frames != first->frames)) {
    second = nullptr;
  }
  player_->show_clips({.first = first,
                       .second = second,
                       .first_caption = second ? tr("Dense") : QString(),
                       .second_caption = second ? tr("Sparse") : QString()});
  shown_->setCurrentWidget(player_);
  tell(tr("Finished"));
}

void ComfyPage::tell(const QString& sentence) { message_->setText(sentence); }

void ComfyPage::fail(const QString& sentence) {
  sending_ = false;
  tell(sentence);
  update_buttons();
}

void ComfyPage::save_state(QSettings& settings) const {
  settings.setValue(QStringLiteral("address"), address_->text());
}

void ComfyPage::restore_state(QSettings& settings) {
  const QString address = settings.value(QStringLiteral("address")).toString();
  if (!address.isEmpty()) {
    address_->setText(address);
  }
}

}  // namespace twill::gui
