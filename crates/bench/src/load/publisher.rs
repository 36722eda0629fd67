//! The one publisher: makes frames on time, one packet after the other or a frame at once, and a keyframe when asked.

use super::packets::{AUDIO_PACKET_BYTES, KEYFRAME_PACKETS, Maker, VIDEO_PACKET_BYTES};
use super::rtcp;
use super::sdp::MediaLine;
use super::transport::Transport;
use crate::case::Feed;
use anyhow::Result;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// libwebrtc's pacer sends what has piled up, such as a keyframe, this much faster than the stream's rate.
const PACING_FACTOR: f64 = 2.5;
/// A publisher that was held up does not make up for more than this: it would be another load.
const CATCH_UP_MAX: Duration = Duration::from_millis(50);
/// As browsers do.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Seconds from 1900 to 1970.
const NTP_OFFSET_S: u64 = 2_208_988_800;

/// One RTP stream of the publisher.
struct Track {
    line: MediaLine,
    ssrc: u32,
    maker: Maker,
    /// Between packets.
    every: Duration,
    due: Instant,
    /// Packets that leave together: one, or all of a frame, however long that is.
    at_once: u16,
    frame_packets: u16,
    /// Of the frame under way: how many packets it has, how many are out, is it a keyframe, when it was taken.
    frame: Frame,
    packets: u32,
    bytes: u32,
}

#[derive(Clone, Copy, Default)]
struct Frame {
    packets: u16,
    out: u16,
    keyframe: bool,
    timestamp: u32,
}

/// The publisher.
pub(super) struct Publisher {
    pub(super) transport: Transport,
    tracks: Vec<Track>,
    began: Instant,
    sending: bool,
    keyframe_wanted: bool,
    report_due: Instant,
}

/// SSRCs of its m-lines, in order.
pub(super) const SSRCS: [u32; 2] = [0x0b0b_0001, 0x0b0b_0002];

impl Publisher {
    pub(super) fn new(transport: Transport, lines: &[MediaLine], feed: Feed, now: Instant) -> Self {
        let tracks = lines
            .iter()
            .zip(SSRCS)
            .map(|(line, ssrc)| Track::new(*line, ssrc, feed, now))
            .collect();
        Self {
            transport,
            tracks,
            began: now,
            sending: false,
            keyframe_wanted: true,
            report_due: now,
        }
    }

    /// Starts or stops; a new rate is `speed` times the feed's.
    pub(super) fn send(&mut self, sending: bool, feed: Feed, speed: f64, now: Instant) {
        self.sending = sending;
        for track in &mut self.tracks {
            track.every = feed.interval(track.line).div_f64(speed);
            track.due = now;
        }
    }

    /// Packets sent so far on the video and on the audio track.
    pub(super) fn sent(&self) -> (Option<u32>, Option<u32>) {
        let of = |kind| {
            self.tracks
                .iter()
                .find(|track| track.line.kind() == kind)
                .map(|track| track.maker.made())
        };
        (of("video"), of("audio"))
    }

    pub(super) fn handle_rtcp(&mut self, compound: &[u8]) {
        self.keyframe_wanted |= rtcp::read(compound).keyframe_wanted;
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let tracks = self.tracks.iter().map(|track| track.due);
        self.sending
            .then(|| tracks.fold(self.report_due, Instant::min))
    }

    /// Sends what is due. `epoch` is the zero of the stamps.
    pub(super) fn handle_timeout(&mut self, now: Instant, epoch: Instant) -> Result<()> {
        if !self.sending || !self.transport.is_connected() {
            return Ok(());
        }
        for track in &mut self.tracks {
            if now.saturating_duration_since(track.due) > CATCH_UP_MAX {
                track.due = now;
            }
            while track.due <= now {
                let begun = track.frame.out == track.frame.packets;
                if begun {
                    let keyframe =
                        track.line.kind() == "video" && std::mem::take(&mut self.keyframe_wanted);
                    track.begin_frame(keyframe, self.began.elapsed());
                }
                track.send_due(&mut self.transport, epoch)?;
            }
        }
        if now >= self.report_due {
            self.report_due = now + REPORT_EVERY;
            self.report(now)?;
        }
        Ok(())
    }

    fn report(&mut self, now: Instant) -> Result<()> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
        let ntp = (since_1970.as_secs() + NTP_OFFSET_S) << 32 | fraction;
        for track in &self.tracks {
            let timestamp = track.timestamp(now - self.began);
            let report =
                rtcp::sender_report_of(track.ssrc, ntp, timestamp, track.packets, track.bytes);
            self.transport.send_rtcp(&report)?;
        }
        Ok(())
    }
}

impl Track {
    fn new(line: MediaLine, ssrc: u32, feed: Feed, now: Instant) -> Self {
        let video = line.kind() == "video";
        let bytes = if video {
            VIDEO_PACKET_BYTES
        } else {
            AUDIO_PACKET_BYTES
        };
        Self {
            line,
            ssrc,
            maker: Maker::new(line, ssrc, bytes),
            every: feed.interval(line),
            due: now,
            at_once: feed.packets_at_once(line),
            frame_packets: if video { feed.frame_packets() } else { 1 },
            frame: Frame::default(),
            packets: 0,
            bytes: 0,
        }
    }

    fn timestamp(&self, elapsed: Duration) -> u32 {
        let hz = if self.line.kind() == "video" {
            90_000
        } else {
            48_000
        };
        (elapsed.as_micros() * hz / 1_000_000) as u32
    }

    fn begin_frame(&mut self, keyframe: bool, elapsed: Duration) {
        self.frame = Frame {
            packets: if keyframe {
                KEYFRAME_PACKETS
            } else {
                self.frame_packets
            },
            out: 0,
            keyframe,
            timestamp: self.timestamp(elapsed),
        };
    }

    /// Sends one packet, or the whole frame, and notes when the next is due.
    fn send_due(&mut self, transport: &mut Transport, epoch: Instant) -> Result<()> {
        loop {
            let Frame {
                packets,
                out,
                keyframe,
                timestamp,
            } = self.frame;
            let sent_us = epoch.elapsed().as_micros() as u64;
            let packet = self
                .maker
                .make(out, keyframe, out + 1 == packets, timestamp, sent_us);
            self.packets = self.packets.wrapping_add(1);
            self.bytes = self.bytes.wrapping_add(packet.len() as u32);
            transport.send_rtp(&packet)?;
            self.frame.out += 1;
            if self.at_once == 1 || self.frame.out == self.frame.packets {
                break;
            }
        }
        let pace = if self.at_once > 1 {
            f64::from(self.at_once)
        } else if self.frame.keyframe {
            1.0 / PACING_FACTOR
        } else {
            1.0
        };
        self.due += self.every.mul_f64(pace);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::floor;

    /// How a track of publisher or floor sends: packets at once, and the time between two.
    type Rhythm = (u16, Duration);

    fn of_publisher(feed: Feed) -> Vec<Rhythm> {
        let track = |line| Track::new(line, 1, feed, Instant::now());
        let tracks = feed.case.lines().into_iter().map(track);
        tracks.map(|track| (track.at_once, track.every)).collect()
    }

    #[test]
    fn publisher_and_floor_send_alike_in_every_case() {
        for case in [Case::Paced, Case::Burst, Case::Audio, Case::Hall] {
            for pps in [20, 50, 100, 250] {
                let feed = Feed { case, pps };
                assert_eq!(of_publisher(feed), floor::rhythm(feed), "{feed:?}");
            }
        }
        let hall = of_publisher(Feed {
            case: Case::Hall,
            pps: 250,
        });
        let ms = Duration::from_millis;
        assert_eq!(hall, [(8, ms(4)), (1, ms(20))], "frames of eight and sound");
    }
}
