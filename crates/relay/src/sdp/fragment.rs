//! `application/trickle-ice-sdpfrag` (RFC 8840 §9): candidates on their way, or the restart of ICE.

use super::M_LINES_MAX;
use super::answer::write_candidates;
use super::fault::{Fault, quoted};
use super::transport::check_ice_chars;
use crate::media::IceCredentials;
use std::fmt::{self, Write};
use std::net::SocketAddr;

/// Largest fragment taken: 16 KiB are more than a hundred candidates.
pub const FRAGMENT_BYTES_MAX: usize = 16 * 1024;

/// A fragment, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The peer's credentials, if it names any; those of a running session mean trickling, others a restart.
    pub credentials: Option<IceCredentials>,
    /// How many candidates it brings. An ICE-lite relay needs none of them: it learns a peer's address from its checks.
    pub candidates: usize,
}

impl Fragment {
    /// Reads a fragment out of bytes that may be anything.
    pub fn parse(body: &[u8]) -> Result<Self, Fault> {
        if body.len() > FRAGMENT_BYTES_MAX {
            return Err(Fault::new(
                "fragment",
                format!("{} bytes", body.len()),
                format!("at most {FRAGMENT_BYTES_MAX}"),
            ));
        }
        let text = std::str::from_utf8(body).map_err(|error| {
            Fault::new(
                format!("byte {}", error.valid_up_to()),
                "bytes that are not UTF-8",
                "an SDP fragment in UTF-8 (RFC 8840 §9)",
            )
        })?;
        let mut reader = Reader::default();
        for (index, line) in text.lines().enumerate() {
            reader.read(index + 1, line)?;
        }
        reader.finish()
    }
}

#[derive(Default)]
struct Reader {
    m_lines: usize,
    candidates: usize,
    ufrag: Option<String>,
    pwd: Option<String>,
}

impl Reader {
    fn read(&mut self, number: usize, line: &str) -> Result<(), Fault> {
        let place = || format!("line {number}");
        if line.is_empty() {
            return Ok(());
        }
        if line.starts_with("m=") {
            self.m_lines += 1;
            return if self.m_lines <= M_LINES_MAX {
                Ok(())
            } else {
                let found = format!("{} m-lines", self.m_lines);
                Err(Fault::new(place(), found, format!("at most {M_LINES_MAX}")))
            };
        }
        let Some(attribute) = line.strip_prefix("a=") else {
            let expected = "a= and m= lines only (RFC 8840 §9)";
            return Err(Fault::new(place(), quoted(line), expected));
        };
        match attribute.split_once(':') {
            Some(("ice-ufrag", value)) => keep(
                &mut self.ufrag,
                check_ice_chars(&place(), "ice-ufrag", value)?,
                &place(),
            ),
            Some(("ice-pwd", value)) => keep(
                &mut self.pwd,
                check_ice_chars(&place(), "ice-pwd", value)?,
                &place(),
            ),
            Some(("candidate", value)) if self.m_lines == 0 => Err(Fault::new(
                place(),
                format!("a=candidate:{} before any m=", quoted(value)),
                "candidates below the m-line that they are for",
            )),
            Some(("candidate", value)) => {
                self.candidates += 1;
                check_candidate(value).ok_or_else(|| {
                    let found = format!("a=candidate:{}", quoted(value));
                    Fault::new(place(), found, "a candidate as in RFC 8839 §5.1")
                })
            }
            // ice-options, group, mid, end-of-candidates and whatever comes to be say nothing that an ICE-lite side needs.
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<Fragment, Fault> {
        let credentials = match (self.ufrag, self.pwd) {
            (Some(ufrag), Some(pwd)) => Some(IceCredentials { ufrag, pwd }),
            (None, None) => None,
            (Some(_), None) => return Err(half("a=ice-ufrag without a=ice-pwd")),
            (None, Some(_)) => return Err(half("a=ice-pwd without a=ice-ufrag")),
        };
        Ok(Fragment {
            credentials,
            candidates: self.candidates,
        })
    }
}

fn half(found: &str) -> Fault {
    Fault::new("fragment", found, "both or neither (RFC 8840 §4.4)")
}

/// All m-lines share one transport: whatever names credentials names the same.
fn keep(kept: &mut Option<String>, value: String, place: &str) -> Result<(), Fault> {
    match kept {
        Some(other) if *other != value => Err(Fault::new(
            place,
            "a second pair of ICE credentials",
            "one: the session has one transport (RFC 9725 §4.3.2)",
        )),
        _ => {
            *kept = Some(value);
            Ok(())
        }
    }
}

/// `<foundation> <component> <transport> <priority> <address> <port> typ <type> …` (RFC 8839 §5.1).
fn check_candidate(value: &str) -> Option<()> {
    let mut words = value.split(' ');
    let mut next = || words.next();
    let foundation = next()?;
    let ice_chars = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let good = (1..=32).contains(&foundation.len()) && foundation.bytes().all(ice_chars);
    let component: u16 = next()?.parse().ok()?;
    let transport = next()?;
    let priority: u32 = next()?.parse().ok()?;
    let address = next()?;
    let _port: u16 = next()?.parse().ok()?;
    // An address, or a name: browsers hide theirs behind mDNS ones.
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'%');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let typed = next()? == "typ" && next()?.bytes().all(plain);
    let sound = good
        && (1..=256).contains(&component)
        && (1..=0x7FFF_FFFF).contains(&priority)
        && !transport.is_empty()
        && transport.bytes().all(plain)
        && (1..=255).contains(&address.len())
        && address.bytes().all(named);
    (sound && typed).then_some(())
}

/// The m-line that carries the transport of a session, as its answer has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// `audio` or `video`.
    pub name: String,
    /// Its mid, if it has one.
    pub mid: Option<String>,
    /// The mids of the answer's BUNDLE group.
    pub bundle: Vec<String>,
}

impl Tagged {
    /// What answers a restart of ICE: our new credentials, and every candidate (RFC 9725 §4.3.3).
    pub fn restarted(&self, credentials: &IceCredentials, candidates: &[SocketAddr]) -> String {
        let mut fragment = String::with_capacity(512);
        // Writing into a string cannot fail.
        let _ = self.write(&mut fragment, credentials, candidates);
        fragment
    }

    fn write(
        &self,
        fragment: &mut String,
        credentials: &IceCredentials,
        candidates: &[SocketAddr],
    ) -> fmt::Result {
        fragment.push_str("a=ice-lite\r\n");
        if !self.bundle.is_empty() {
            write!(fragment, "a=group:BUNDLE {}\r\n", self.bundle.join(" "))?;
        }
        // What stands behind the name means nothing in a fragment (RFC 8840 §9.1).
        write!(fragment, "m={} 9 UDP/TLS/RTP/SAVPF 0\r\n", self.name)?;
        if let Some(mid) = &self.mid {
            write!(fragment, "a=mid:{mid}\r\n")?;
        }
        let IceCredentials { ufrag, pwd } = credentials;
        write!(fragment, "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n")?;
        write_candidates(fragment, candidates)
    }
}
