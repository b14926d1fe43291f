// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QComboBox>
#include <QLabel>
#include <QSlider>
#include <QTest>
#include <QToolButton>
#include <limits>

#include "gui/clips.h"
#include "player/player.h"
#include "player/quality_strip.h"

namespace twill::gui {

class TestPlayer : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void a_frame_is_the_clips_own_pixels() {
    const ClipPtr clip = tests::flat_clip(4, 2, 3, {10, 20, 30});
    const QImage image = frame_image(*clip, 2);
    QCOMPARE(image.size(), QSize(4, 2));
    QCOMPARE(image.pixelColor(3, 1), QColor(12, 22, 32));
  }

  void a_difference_is_absolute_and_grows_with_the_gain() {
    const ClipPtr a = tests::flat_clip(4, 2, 1, {10, 200, 30});
    const ClipPtr b = tests::flat_clip(4, 2, 1, {13, 100, 30});
    QCOMPARE(difference_image(*a, *b, 0, 1).pixelColor(0, 0), QColor(3, 100, 0));
    QCOMPARE(difference_image(*a, *b, 0, 4).pixelColor(3, 1), QColor(12, 255, 0));
  }

  void a_wipe_has_one_clip_on_each_side() {
    ClipView view;
    view.resize(200, 100);
    view.set_clips(tests::flat_clip(200, 100, 1, {255, 0, 0}),
                   tests::flat_clip(200, 100, 1, {0, 0, 255}), {}, {});
    view.set_mode(ViewMode::kWipe);
    QTest::mouseClick(&view, Qt::LeftButton, {}, {50, 50});
    QCOMPARE(view.wipe(), 0.25);
    const QImage shot = view.grab().toImage();
    QCOMPARE(shot.pixelColor(20, 50), QColor(255, 0, 0));
    QCOMPARE(shot.pixelColor(120, 50), QColor(0, 0, 255));
    view.set_mode(ViewMode::kDifference);
    QCOMPARE(view.grab().toImage().pixelColor(20, 50), QColor(255, 0, 255));
    view.set_mode(ViewMode::kSideBySide);
    const QImage both = view.grab().toImage();
    QCOMPARE(both.pixelColor(40, 50), QColor(255, 0, 0));
    QCOMPARE(both.pixelColor(160, 50), QColor(0, 0, 255));
  }

  void two_clips_play_in_step_and_begin_again() {
    Player player;
    player.resize(400, 300);
    player.show();
    player.show_clips(tests::playable_pair(4, 100.0));
    QVERIFY(player.playing());
    int seen = 0;
    QTRY_VERIFY_WITH_TIMEOUT((seen |= 1 << player.frame(), seen == 0b1111), 5000);
    QTRY_COMPARE(player.frame(), 0);
  }

  void a_paused_player_moves_by_keys_and_says_the_frames_quality() {
    Player player;
    player.show();
    Playable pair = tests::playable_pair(4, 10.0);
    pair.quality = {.psnr_db = {30.0, 31.5, std::numeric_limits<double>::infinity(), 28.0},
                    .ssim = {0.9, 0.95, 1.0, 0.8}};
    player.show_clips(pair);
    QTest::keyClick(&player, Qt::Key_Space);
    QVERIFY(!player.playing());
    QTest::keyClick(&player, Qt::Key_Home);
    QTest::keyClick(&player, Qt::Key_Right);
    const auto* label = player.findChild<QLabel*>(QStringLiteral("frame_label"));
    QCOMPARE(label->text(), QStringLiteral("2 of 4 - 31.5 dB, SSIM 0.950"));
    QTest::keyClick(&player, Qt::Key_Right);
    QCOMPARE(label->text(), QStringLiteral("3 of 4 - equal, SSIM 1.000"));
    QTest::keyClick(&player, Qt::Key_End);
    QCOMPARE(player.frame(), 3);
    // Paused stays paused for the next clip.
    player.show_clips(tests::playable_pair(2, 10.0));
    QVERIFY(!player.playing());
  }

  void a_click_into_the_quality_goes_to_the_frame() {
    Player player;
    player.resize(500, 400);
    player.show();
    Playable pair = tests::playable_pair(5, 10.0);
    pair.quality = {.psnr_db = {30, 31, 32, 33, 34}, .ssim = {0.9, 0.9, 0.9, 0.9, 0.9}};
    player.show_clips(pair);
    auto* strip = player.findChild<QualityStrip*>(QStringLiteral("quality_strip"));
    QVERIFY(strip->isVisible());
    QTest::mouseClick(strip, Qt::LeftButton, {}, {strip->width() - 7, 20});
    QCOMPARE(player.frame(), 4);
    QVERIFY(!player.playing());
    QTest::mouseClick(strip, Qt::LeftButton, {}, {strip->width() / 2, 20});
    QCOMPARE(player.frame(), 2);
  }

  void views_of_pairs_are_offered_for_pairs_only() {
    Player player;
    player.show();
    player.show_clips({.first = tests::flat_clip(4, 4, 2, {1, 2, 3})});
    QVERIFY(!player.findChild<QComboBox*>(QStringLiteral("view_mode"))->isVisible());
    player.show_clips(tests::playable_pair(2, 10.0));
    QVERIFY(player.findChild<QComboBox*>(QStringLiteral("view_mode"))->isVisible());
    player.show_clips({});
    QVERIFY(!player.findChild<QToolButton*>(QStringLiteral("play"))->isEnabled());
    QVERIFY(!player.playing());
    QTest::keyClick(&player, Qt::Key_Right);
    player.grab();
  }
};

}  // namespace twill::gui

QTEST_MAIN(twill::gui::TestPlayer)
#include "test_player.moc"
