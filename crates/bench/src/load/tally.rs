//! What a watcher has received: nothing counts that was not authentic, and nothing is missed twice.

use super::packets::Stamp;
use crate::statistics::Histogram;
use std::time::Instant;

/// Packets that may overtake each other and still be told from holes.
const WINDOW: u32 = 1_024;

/// One stream at one watcher.
#[derive(Default)]
pub(super) struct Stream {
    first: Option<u32>,
    highest: u32,
    unique: u64,
    seen: Vec<u64>,
}

impl Stream {
    /// Counts a packet; `false` when it came before.
    fn take(&mut self, counter: u32) -> bool {
        self.seen.resize(WINDOW as usize / 64, 0);
        let ahead = counter.wrapping_sub(self.highest).cast_signed();
        if self.first.is_none() {
            self.first = Some(counter);
            self.highest = counter;
        } else if ahead > 0 {
            for step in 1..=ahead.min(WINDOW.cast_signed()) {
                self.mark(self.highest.wrapping_add(step.cast_unsigned()), false);
            }
            self.highest = counter;
        } else if ahead <= -WINDOW.cast_signed() || self.is_marked(counter) {
            return false;
        }
        // A late join's replay may begin before the first packet that came.
        if self
            .first
            .is_some_and(|first| counter.wrapping_sub(first).cast_signed() < 0)
        {
            self.first = Some(counter);
        }
        self.mark(counter, true);
        self.unique += 1;
        true
    }

    fn mark(&mut self, counter: u32, seen: bool) {
        let (word, bit) = place(counter);
        if let Some(word) = self.seen.get_mut(word) {
            *word = *word & !bit | if seen { bit } else { 0 };
        }
    }

    fn is_marked(&self, counter: u32) -> bool {
        let (word, bit) = place(counter);
        self.seen.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Packets missing between the first and the last; `sent` is how many the publisher has sent when nothing is
    /// under way any more, so that a missing end counts too.
    fn holes(&self, sent: Option<u32>) -> u64 {
        let Some(first) = self.first else { return 0 };
        let end = sent.unwrap_or(self.highest.wrapping_add(1));
        u64::from(end.wrapping_sub(first)).saturating_sub(self.unique)
    }
}

fn place(counter: u32) -> (usize, u64) {
    let at = counter % WINDOW;
    (at as usize / 64, 1 << (at % 64))
}

/// Follows the first keyframe until it is whole.
#[derive(Default)]
struct FirstKeyframe {
    start: Option<u32>,
    packets: u16,
    complete_at: Option<Instant>,
}

impl FirstKeyframe {
    fn look(&mut self, stamp: Stamp, now: Instant) {
        if self.complete_at.is_some() || !stamp.keyframe {
            return;
        }
        let start = stamp.counter.wrapping_sub(u32::from(stamp.place));
        if self.start != Some(start) {
            self.start = Some(start);
            self.packets = 0;
        }
        self.packets += 1;
        if stamp.last && self.packets == stamp.place + 1 {
            self.complete_at = Some(now);
        }
    }
}

/// Everything one watcher has received.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) video: Stream,
    pub(super) audio: Stream,
    first_keyframe: FirstKeyframe,
    pub(super) auth_failures: u64,
}

impl Tally {
    /// An authentic packet.
    pub(super) fn take(&mut self, stamp: Stamp, now: Instant, now_us: u64, delays: &mut Histogram) {
        let stream = if stamp.video {
            &mut self.video
        } else {
            &mut self.audio
        };
        if !stream.take(stamp.counter) {
            return;
        }
        if stamp.sent_us > 0 {
            delays.add(now_us.saturating_sub(stamp.sent_us));
        }
        if stamp.video {
            self.first_keyframe.look(stamp, now);
        }
    }

    pub(super) fn keyframe_at(&self) -> Option<Instant> {
        self.first_keyframe.complete_at
    }

    /// Packets that came, each once.
    pub(super) fn delivered(&self) -> u64 {
        self.video.unique + self.audio.unique
    }

    /// What was sent and never came at all.
    pub(super) fn missing(
        &self,
        video_sent: Option<u32>,
        audio_sent: Option<u32>,
    ) -> Option<&'static str> {
        let never = |stream: &Stream, sent: Option<u32>| {
            stream.first.is_none() && sent.is_some_and(|packets| packets > 0)
        };
        if never(&self.video, video_sent) {
            Some("picture")
        } else if never(&self.audio, audio_sent) {
            Some("sound")
        } else {
            None
        }
    }

    /// Missing packets; see [`Stream::holes`].
    pub(super) fn holes(&self, video_sent: Option<u32>, audio_sent: Option<u32>) -> u64 {
        self.video.holes(video_sent) + self.audio.holes(audio_sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_never_came_is_missing_and_no_hole() {
        let mut tally = Tally::default();
        tally.video.take(7);
        assert_eq!(tally.holes(Some(8), Some(100)), 0);
        assert_eq!(tally.missing(Some(8), Some(100)), Some("sound"));
        assert_eq!(tally.missing(Some(8), Some(0)), None, "none was sent");
        assert_eq!(tally.missing(Some(8), None), None, "none is published");
        assert_eq!(Tally::default().missing(Some(8), None), Some("picture"));
    }

    #[test]
    fn holes_are_what_never_came() {
        let mut stream = Stream::default();
        for counter in [10, 11, 14, 13, 20] {
            assert!(stream.take(counter));
        }
        assert!(!stream.take(13), "it came before");
        assert_eq!(stream.unique, 5);
        assert_eq!(stream.holes(None), 6);
        assert_eq!(stream.holes(Some(23)), 8);
        // A packet before the first is no duplicate and no hole.
        assert!(stream.take(9));
        assert_eq!(stream.holes(None), 6);
    }

    #[test]
    fn a_jump_beyond_the_window_forgets_what_it_saw() {
        let mut stream = Stream::default();
        stream.take(5);
        stream.take(5 + 3 * WINDOW);
        assert!(stream.take(4 + 3 * WINDOW));
        assert!(!stream.take(5));
        assert_eq!(stream.holes(None), u64::from(3 * WINDOW) + 1 - 3);
    }

    #[test]
    fn numbers_wrap() {
        let mut stream = Stream::default();
        for counter in [u32::MAX - 1, u32::MAX, 0, 2] {
            assert!(stream.take(counter));
        }
        assert_eq!(stream.holes(None), 1);
    }

    #[test]
    fn a_keyframe_with_a_hole_is_not_seen() {
        let now = Instant::now();
        let stamp = |counter, place, last| Stamp {
            counter,
            place,
            keyframe: true,
            last,
            video: true,
            sent_us: 0,
        };
        let mut first = FirstKeyframe::default();
        for at in [stamp(100, 0, false), stamp(102, 2, true)] {
            first.look(at, now);
        }
        assert_eq!(first.complete_at, None);
        for at in [
            stamp(200, 0, false),
            stamp(201, 1, false),
            stamp(202, 2, true),
        ] {
            first.look(at, now);
        }
        assert_eq!(first.complete_at, Some(now));
    }
}
