//! Every bound of the router, with what a viewer would notice if it changed.

use std::time::Duration;

/// Packets kept per stream, a power of two. At 250 packets/s, a 2.4 Mbit/s program, this is 2 s:
/// four round trips of a bad satellite link. Fewer, and late NACKs find nothing; more only costs
/// memory (a full ring of 1,200-byte packets holds 600 KiB).
pub const RING_PACKETS: usize = 512;

/// The farthest a stream that flows may jump forward. A jump beyond it is refused: only a new SSRC
/// may do so, and a paused stream: any number of the few packets that keep it alive may be lost.
pub const FORWARD_JUMP_MAX: u64 = 16_384;

/// A trunk whose source is paused still gets one packet when this many sequence numbers passed.
pub const PAUSED_KEEPALIVE_PACKETS: u64 = 8_192;

/// Largest RTP packet taken, bytes: what an Ethernet frame can carry.
pub const PACKET_BYTES_MAX: usize = 1_500;

/// How long a packet of a picture may wait for the rest of its frame, so that they leave as one
/// burst; a stream that comes packet by packet is not held at all. A viewer would not see ten times
/// this; a relay's clients are ten relays deep at most.
pub const GROUP_HOLD: Duration = Duration::from_millis(1);

/// Packets of one burst: what the kernel takes as one datagram train (`UDP_MAX_SEGMENTS`).
/// Overflow: the group leaves and another one begins.
pub const GROUP_PACKETS_MAX: usize = 64;

/// Padding that makes a packet as large as the others of its burst, bytes. More than this, and a
/// send of its own is cheaper.
pub const LEVEL_BYTES_MAX: usize = 16;

/// Packets of one [`crate::Router::pad`]: 6 KB of padding alone, or 30 of what was sent before.
pub const PADDING_PACKETS_MAX: usize = 24;
/// Layers of a source that a slot may be shown: three of simulcast and one to spare. Overflow: the
/// highest are shown to nobody.
pub const LAYERS_MAX: usize = 4;

/// A layer that sent nothing for this long is not there: an encoder drops its best layer when its
/// own line is bad, and whoever watched that must not stare at a frozen picture.
pub const LAYER_SILENCE: Duration = Duration::from_secs(1);

/// How often layers are chosen anew while nobody asks: what notices a layer that fell silent.
pub const LAYER_REVIEW: Duration = Duration::from_millis(250);

/// After its line forced a slot down it does not rise again for this long: a flapping line shows
/// one switch.
pub const LAYER_REST: Duration = Duration::from_secs(2);

/// Keyframes asked for so that a slot can go from one layer to another: a second one in case the
/// first request was lost. Afterwards one is asked for every [`LAYER_ASK_INTERVAL`].
pub const LAYER_ASKS_MAX: u8 = 2;

/// A browser sends no keyframe unasked: without this a slot whose requests were lost would show the
/// lower layer for good. More often, and a publisher that cannot answer would be asked all the time.
pub const LAYER_ASK_INTERVAL: Duration = Duration::from_secs(10);

/// At most one keyframe request per stream in this time, however small its keyframes. Halls join in
/// storms: without the limit fifty joins cost fifty keyframes and the picture of everybody else
/// turns to blocks. A keyframe younger than the stream's interval is replayed to a late joiner; an
/// older one would be shown fast-forward, so a new one is asked for instead.
pub const KEYFRAME_INTERVAL_MIN: Duration = Duration::from_millis(500);

/// However large they are: nobody waits longer for a picture.
pub const KEYFRAME_INTERVAL_MAX: Duration = Duration::from_secs(3);

/// In between the interval is so long that keyframes take at most one part in this many of the
/// stream's rate. More, and everybody who watches sees the picture soften when others join.
pub const KEYFRAME_SHARE: u64 = 4;

/// A slot pointed elsewhere shows the old picture until the new one has a keyframe, but no longer
/// than this: releasing the floor must take the hall off the screens within a second.
pub const SWITCH_HOLD: Duration = Duration::from_secs(1);

/// At most one sender report of a stream is passed on in this time; overflow: it is taken in, not passed on. It goes to
/// every leg, so that a publisher could multiply a flood by its audience. Browsers send one a second or so.
pub const SENDER_REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// How long a missing packet may merely be late before it is asked for. Few paths reorder by more, and a picture of 15
/// frames a second stands still when a repair comes a few tens of milliseconds later.
pub const REORDER_DELAY: Duration = Duration::from_millis(5);

/// Time for an answer to a resend request while the round trip is unknown.
pub const ROUND_TRIP_DEFAULT: Duration = Duration::from_millis(60);

/// A missing packet is asked for this often, from the third time on waiting twice as long, then given up.
pub const RESEND_ASKS_MAX: u8 = 6;

/// Missing packets tracked per stream; overflow: the oldest are given up, counted. Half a ring
/// missing means an outage, which a keyframe repairs sooner than two hundred resends.
pub const HOLES_MAX: usize = 256;

/// Sequence numbers in one [`crate::Action::RequestResend`]; more holes make several requests.
pub const RESEND_BATCH_MAX: usize = 64;

/// Resent bytes a leg may ask for at once, so that a lost burst is repaired in one round trip.
pub const RESEND_BURST_BYTES: u64 = 128 * 1024;

/// Resent bytes per second a leg may ask for in the long run (2 Mbit/s); overflow: the NACK is
/// ignored, counted. A hall that asks for everything again cannot double its relay's traffic.
pub const RESEND_BYTES_PER_S: u64 = 256 * 1024;

/// A leg whose receiver misses this part of the packets, in 1/256, is told more than it asks for: without, one freeze a
/// minute is seen at 5 % loss, because one repetition in ten is lost itself, or the request for it.
pub const LOSSY_FROM: u8 = 4;

/// It is so until less than this is missing, in 1/256.
pub const LOSSY_UNTIL: u8 = 2;

/// A copy of what may be lost follows its original after this time: later, so that one burst of loss does not take both,
/// and sooner than a picture in 60 frames a second has its next packet, which would show the loss.
pub const REPEAT_DELAY: Duration = Duration::from_millis(5);

/// Copies that wait for their time, of all legs; overflow: the newest is not sent.
pub const REPEATS_MAX: usize = 4_096;

/// What is told as lost is sent again until it is this old; whoever still waits for it asks.
pub const REPEAT_AGE_MAX: Duration = Duration::from_millis(500);

/// Packets of a slot whose retransmissions are watched; overflow: the oldest are watched no longer.
pub const REPAIRS_MAX: usize = 64;

/// Streams open at once: 250 children with audio and up to three video layers each.
pub const STREAMS_MAX: usize = 1_024;

/// Legs at once: the thousand sessions that a large relay takes, and its trunks.
pub const LEGS_MAX: usize = 1_088;

/// Slots of a leg: program and floor, audio and video, and room for as many again.
pub const SLOTS_MAX: usize = 8;

/// Sources one trunk may subscribe to: every site below a province.
pub const SUBSCRIPTIONS_MAX: usize = 4_096;

/// SSRCs one trunk session can have carried. Each is remembered until the session ends, because
/// reusing a sequence number under the same key would reuse a nonce; overflow: new streams are not
/// sent on that trunk, counted. A new DTLS session starts afresh.
pub const TRUNK_SSRCS_MAX: usize = 8_192;

/// Renumberings a slot remembers to answer NACKs; older ones lie outside every ring in practice.
pub const SEGMENTS_MAX: usize = 8;
