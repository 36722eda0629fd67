//! The session descriptions of the load: what it offers, what it answers, and the few lines it reads of the other side's.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::net::SocketAddr;

/// What an m-line of the load carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaLine {
    /// H.264, constrained baseline, packetization mode 1.
    H264,
    /// VP8.
    Vp8,
    /// Opus.
    Opus,
}

impl MediaLine {
    /// Its payload type in offers of the load.
    pub fn payload_type(self) -> u8 {
        match self {
            Self::H264 => 102,
            Self::Vp8 => 96,
            Self::Opus => 111,
        }
    }

    /// `video` or `audio`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::H264 | Self::Vp8 => "video",
            Self::Opus => "audio",
        }
    }

    fn codec_lines(self) -> &'static str {
        match self {
            Self::H264 => {
                "a=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
                 a=rtcp-fb:102 ccm fir\r\na=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\n"
            }
            Self::Vp8 => {
                "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"
            }
            Self::Opus => "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n",
        }
    }
}

/// What a leg does, as the load sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It publishes.
    SendOnly,
    /// It watches.
    RecvOnly,
}

impl Direction {
    fn attribute(self) -> &'static str {
        match self {
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
        }
    }
}

/// The load's side of one leg's transport: everything a description says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where its socket is bound.
    pub address: SocketAddr,
    /// ICE (RFC 8839 §5.4).
    pub ufrag: String,
    /// ICE.
    pub pwd: String,
    /// SHA-256 of its certificate, `AA:BB:…`.
    pub fingerprint: String,
    /// What it does.
    pub direction: Direction,
    /// Its m-lines, in order.
    pub lines: Vec<MediaLine>,
    /// SSRC of each m-line it sends on.
    pub ssrcs: Vec<u32>,
}

/// The other side of a leg's transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where its first UDP host candidate is.
    pub address: SocketAddr,
    /// ICE.
    pub ufrag: String,
    /// ICE.
    pub pwd: String,
}

impl Local {
    /// An offer; the load is the DTLS client.
    pub fn offer(&self) -> String {
        let mids: Vec<String> = (0..self.lines.len()).map(|mid| mid.to_string()).collect();
        let mut sdp = head(&mids);
        for (index, line) in self.lines.iter().enumerate() {
            let payload_type = line.payload_type();
            self.write_section(
                &mut sdp,
                line.kind(),
                &payload_type.to_string(),
                &mids[index],
            );
            sdp.push_str(line.codec_lines());
            if let Some(ssrc) = self.ssrcs.get(index) {
                let _ = write!(
                    sdp,
                    "a=ssrc:{ssrc} cname:bench\r\na=ssrc:{ssrc} msid:bench {}\r\n",
                    line.kind()
                );
            }
        }
        sdp
    }

    /// An answer to an offer of a server that speaks first: each m-line with the codec it names first, which the
    /// load takes without looking inside.
    pub fn answer(&self, offer: &str) -> String {
        let sections: Vec<&str> = offer.split("\nm=").skip(1).collect();
        let mids: Vec<String> = sections
            .iter()
            .enumerate()
            .map(|(index, section)| {
                attribute(section, "mid").map_or(index.to_string(), str::to_owned)
            })
            .collect();
        let mut sdp = head(&mids);
        for (section, mid) in sections.iter().zip(&mids) {
            let mut words = section
                .lines()
                .next()
                .unwrap_or_default()
                .split_whitespace();
            let kind = words.next().unwrap_or("video");
            let format = words.nth(2).unwrap_or("96");
            self.write_section(&mut sdp, kind, format, mid);
            // The feedback that browsers take everywhere: a server keeps packets to send again only for those who ask.
            let feedback =
                ["nack", "nack pli", "ccm fir"].map(|kind| format!("a=rtcp-fb:{format} {kind}"));
            let of_format = |line: &&str| {
                let rest = line.split_once(':').map(|(_, rest)| rest.split(' ').next());
                let describes = line.starts_with("a=rtpmap:") || line.starts_with("a=fmtp:");
                describes && rest == Some(Some(format))
                    || feedback.iter().any(|known| known == line)
            };
            for line in section.lines().map(str::trim_end).filter(of_format) {
                let _ = write!(sdp, "{line}\r\n");
            }
        }
        sdp
    }

    fn write_section(&self, sdp: &mut String, kind: &str, format: &str, mid: &str) {
        let (ip, port) = (self.address.ip(), self.address.port());
        let _ = write!(
            sdp,
            "m={kind} {port} UDP/TLS/RTP/SAVPF {format}\r\nc=IN IP4 {ip}\r\na=mid:{mid}\r\n\
             a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {}\r\na=setup:active\r\n\
             a={}\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=msid:bench {kind}\r\n\
             a=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\na=end-of-candidates\r\n",
            self.ufrag,
            self.pwd,
            self.fingerprint,
            self.direction.attribute(),
        );
    }
}

fn head(mids: &[String]) -> String {
    format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=msid-semantic: WMS *\r\n",
        mids.join(" ")
    )
}

impl Remote {
    /// Out of an offer or an answer.
    ///
    /// # Errors
    /// When ICE credentials or a UDP candidate are missing.
    pub fn parse(sdp: &str) -> Result<Self> {
        let need = |key: &'static str| {
            attribute(sdp, key)
                .map(str::to_owned)
                .with_context(|| format!("no a={key} in the other side's description"))
        };
        let candidate = sdp
            .lines()
            .filter_map(|line| line.trim().strip_prefix("a=candidate:"))
            .find_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let is_udp =
                    words.get(1) == Some(&"1") && words.get(2)?.eq_ignore_ascii_case("udp");
                is_udp.then(|| {
                    Some(SocketAddr::new(
                        words.get(4)?.parse().ok()?,
                        words.get(5)?.parse().ok()?,
                    ))
                })?
            });
        Ok(Self {
            address: candidate.context("no UDP candidate in the other side's description")?,
            ufrag: need("ice-ufrag")?,
            pwd: need("ice-pwd")?,
        })
    }
}

fn attribute<'a>(sdp: &'a str, key: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| {
        line.trim()
            .strip_prefix("a=")?
            .strip_prefix(key)?
            .strip_prefix(':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(direction: Direction, lines: &[MediaLine]) -> Local {
        Local {
            address: "127.0.0.1:4711".parse().expect("an address"),
            ufrag: "ufrg".to_owned(),
            pwd: "pwdpwdpwdpwdpwdpwdpwdpwd".to_owned(),
            fingerprint: "AB:CD".to_owned(),
            direction,
            lines: lines.to_vec(),
            ssrcs: Vec::new(),
        }
    }

    #[test]
    fn a_relay_understands_the_offers() {
        let fingerprint = vec!["AB"; 32].join(":");
        for (direction, sends) in [(Direction::SendOnly, true), (Direction::RecvOnly, false)] {
            let local = Local {
                fingerprint: fingerprint.clone(),
                ssrcs: vec![5, 6],
                ..local(direction, &[MediaLine::H264, MediaLine::Opus])
            };
            let offer = relay::sdp::Offer::parse(local.offer().as_bytes()).expect("an offer");
            let of_use = |section: &relay::sdp::Section| {
                section.usable() && section.sends == sends && section.receives != sends
            };
            assert!(offer.sections.iter().all(of_use), "{offer:?}");
            assert_eq!(relay::sdp::publish(&offer).is_ok(), sends);
            assert_eq!(offer.sections.len(), 2);
        }
    }

    #[test]
    fn a_description_is_read_back() {
        let sdp = local(Direction::RecvOnly, &[MediaLine::Vp8]).offer();
        let remote = Remote::parse(&sdp).expect("complete");
        assert_eq!(remote.address.port(), 4711);
        assert_eq!((remote.ufrag.as_str(), remote.pwd.len()), ("ufrg", 24));
        assert!(Remote::parse("v=0\r\n").is_err());
    }

    #[test]
    fn an_answer_takes_the_first_codec_and_the_mid_of_the_offer() {
        let offer = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 98 99\r\na=mid:v7\r\na=rtpmap:98 VP8/90000\r\na=rtcp-fb:98 nack\r\na=rtcp-fb:98 goog-remb\r\na=rtpmap:99 rtx/90000\r\na=rtcp-fb:99 nack\r\na=sendonly\r\n";
        let answer = local(Direction::RecvOnly, &[]).answer(offer);
        assert!(
            answer.contains("m=video 4711 UDP/TLS/RTP/SAVPF 98\r\n"),
            "{answer}"
        );
        assert!(answer.contains("a=mid:v7\r\n") && answer.contains("a=rtpmap:98 VP8/90000\r\n"));
        assert!(answer.contains("a=setup:active\r\n") && !answer.contains("rtx"));
        assert!(
            answer.contains("a=rtcp-fb:98 nack\r\n")
                && !answer.contains("remb")
                && !answer.contains(":99 ")
        );
    }
}
