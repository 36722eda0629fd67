//! Datagrams that went nowhere since start, by reason, for the metrics.

/// How many datagrams were dropped, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Neither STUN nor DTLS nor RTP (RFC 7983 §7).
    pub not_ours: u64,
    /// STUN that is malformed, or not for a leg of this relay.
    pub stun_refused: u64,
    /// DTLS or SRTP from an address without a leg.
    pub from_strangers: u64,
    /// SRTP that does not authenticate, or came before its keys.
    pub not_authentic: u64,
    /// Of a stream that no announcement named yet.
    pub unannounced: u64,
    /// Of no m-line of the session.
    pub no_track: u64,
    /// Of a publisher that sends more than any camera, or RTCP of a session that says more than any browser.
    pub flood: u64,
    /// Outgoing: the packet could not be sealed.
    pub not_sent: u64,
    /// Outgoing: orders to a sending thread that was too far behind; a packet for all its legs counts once.
    pub worker_behind: u64,
    /// Outgoing: the socket refused; mostly its buffer was full.
    pub socket_refused: u64,
    /// Outgoing: too much waited already for the pace of its leg.
    pub pace_full: u64,
}

/// How the lines of sessions that tell what arrives are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Sessions whose line has a limit now.
    pub limited: u64,
    /// Times a limit fell, since start.
    pub falls: u64,
    /// Packets that waited for the pace of their leg, since start.
    pub paced: u64,
    /// Packets sent again, asked for or not, since start.
    pub resent: u64,
    /// Bytes of padding sent to find out whether a line carries more, since start.
    pub probe_bytes: u64,
}

/// Datagrams that left together, since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bursts {
    /// Bursts of two datagrams and more, each one system call.
    pub sent: u64,
    /// Datagrams in them.
    pub packets: u64,
    /// Bursts that the kernel refused, whose datagrams went one by one.
    pub split: u64,
}

impl Drops {
    /// Every reason as a metric's label, with its number.
    pub fn by_reason(&self) -> [(&'static str, u64); 11] {
        [
            ("not_ours", self.not_ours),
            ("stun_refused", self.stun_refused),
            ("from_strangers", self.from_strangers),
            ("not_authentic", self.not_authentic),
            ("unannounced", self.unannounced),
            ("no_track", self.no_track),
            ("flood", self.flood),
            ("not_sent", self.not_sent),
            ("worker_behind", self.worker_behind),
            ("socket_refused", self.socket_refused),
            ("pace_full", self.pace_full),
        ]
    }
}
