//! A whole offer, judged.

use super::M_LINES_MAX;
use super::fault::{Fault, quoted};
use super::section::Section;
use super::transport::{Lines, Transport};
use rtc_sdp::SessionDescription;
use std::io::Cursor;

/// Largest offer taken. Chromium's with every codec and four m-lines has about 20 KiB.
pub const OFFER_BYTES_MAX: usize = 64 * 1024;

/// An offer that is SDP, of bearable size, whose m-lines are understood one by one.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Its m-lines, in order.
    pub sections: Vec<Section>,
    /// The mids of its first BUNDLE group, in order.
    pub bundle: Option<Vec<String>>,
    /// `a=extmap-allow-mixed` for the whole session (RFC 8285 §6).
    pub extmap_allow_mixed: bool,
    session: SessionDescription,
}

impl Offer {
    /// Reads an offer out of bytes that may be anything.
    pub fn parse(body: &[u8]) -> Result<Self, Fault> {
        let text = text(body)?;
        let mut reader = Cursor::new(text.as_bytes());
        let session = SessionDescription::unmarshal(&mut reader)
            .map_err(|error| syntax_fault(text, reader.position(), &error.to_string()))?;
        check_m_lines(session.media_descriptions.len())?;
        if session.has_attribute("ice-lite") {
            return Err(Fault::new(
                "session level",
                "a=ice-lite",
                "a full ICE agent: the relay is the lite one (RFC 8445 §2.5)",
            ));
        }
        let sections = session
            .media_descriptions
            .iter()
            .enumerate()
            .map(|(index, media)| Section::read(index, &session, media))
            .collect::<Result<Vec<_>, _>>()?;
        if sections.is_empty() {
            return Err(Fault::new(
                "offer",
                "no m-line",
                "at least one m=audio or m=video",
            ));
        }
        let bundle = bundle(&session);
        let extmap_allow_mixed = session.has_attribute("extmap-allow-mixed");
        let offer = Self {
            sections,
            bundle,
            extmap_allow_mixed,
            session,
        };
        offer.check_mids()?;
        Ok(offer)
    }

    fn check_mids(&self) -> Result<(), Fault> {
        for (index, section) in self.sections.iter().enumerate() {
            let Some(mid) = &section.mid else { continue };
            if self
                .sections
                .iter()
                .take(index)
                .any(|other| other.mid.as_ref() == Some(mid))
            {
                return Err(Fault::new(
                    &section.place,
                    format!("a=mid:{mid} a second time"),
                    "a mid of its own",
                ));
            }
        }
        Ok(())
    }

    /// The m-lines that the relay can take at all, by index: usable, and in the BUNDLE group, since the relay
    /// has one port. A single m-line needs neither mid nor group.
    pub(super) fn takeable(&self) -> Result<Vec<usize>, Fault> {
        let usable = |index: &usize| self.sections.get(*index).is_some_and(Section::usable);
        let candidates: Vec<usize> = (0..self.sections.len()).filter(usable).collect();
        let Some(bundle) = &self.bundle else {
            return match candidates.as_slice() {
                [] => Err(self.nothing_usable()),
                [_] => Ok(candidates),
                _ => Err(Fault::new(
                    "session level",
                    "no a=group:BUNDLE",
                    "one that names the mid of every m-line: the relay has one port (RFC 9725 §4.4)",
                )),
            };
        };
        let mut bundled = Vec::new();
        for index in candidates {
            let Some(section) = self.sections.get(index) else {
                continue;
            };
            match &section.mid {
                None => {
                    return Err(Fault::new(
                        &section.place,
                        "no a=mid",
                        "one, named in a=group:BUNDLE",
                    ));
                }
                Some(mid) if bundle.contains(mid) => bundled.push(index),
                Some(_) => {}
            }
        }
        if bundled.is_empty() {
            Err(self.nothing_usable())
        } else {
            Ok(bundled)
        }
    }

    fn nothing_usable(&self) -> Fault {
        let found: Vec<&str> = self.sections.iter().map(|s| s.place.as_str()).collect();
        Fault::new(
            "offer",
            format!("{} without a codec the relay carries", found.join(", ")),
            "opus, H264 with packetization-mode=1, VP8, VP9 or AV1 of profile 0, over UDP/TLS/RTP/SAVPF, in the BUNDLE group",
        )
    }

    /// The transport of an answer that takes these m-lines: that of the first one in the BUNDLE group
    /// (RFC 9143 §7.3).
    pub(super) fn transport(&self, taken: &[usize]) -> Result<Transport, Fault> {
        let tagged = self.tagged(taken);
        for index in taken {
            let Some(section) = self.sections.get(*index) else {
                continue;
            };
            let says_it_elsewhere = section.bundle_only && tagged != Some(*index);
            if !section.rtcp_mux && !says_it_elsewhere {
                return Err(Fault::new(
                    &section.place,
                    "no a=rtcp-mux",
                    "one: RTP and RTCP share the port (RFC 8858)",
                ));
            }
        }
        let first = tagged.unwrap_or_default();
        let (Some(section), Some(media)) = (
            self.sections.get(first),
            self.session.media_descriptions.get(first),
        ) else {
            return Err(self.nothing_usable());
        };
        let lines = Lines {
            place: &section.place,
            session: &self.session,
            media,
        };
        lines.transport()
    }

    /// The first taken m-line in the order of the BUNDLE group: it carries the transport for all.
    pub(super) fn tagged(&self, taken: &[usize]) -> Option<usize> {
        let position = |index: &usize| {
            let mid = self.sections.get(*index)?.mid.as_ref()?;
            self.bundle.as_ref()?.iter().position(|other| other == mid)
        };
        taken
            .iter()
            .copied()
            .min_by_key(|index| position(index).unwrap_or(*index))
    }
}

fn text(body: &[u8]) -> Result<&str, Fault> {
    if body.len() > OFFER_BYTES_MAX {
        return Err(Fault::new(
            "offer",
            format!("{} bytes", body.len()),
            format!("at most {OFFER_BYTES_MAX}"),
        ));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        let place = format!("byte {}", error.valid_up_to());
        Fault::new(
            place,
            "bytes that are not UTF-8",
            "SDP text in UTF-8 (RFC 8866 §5)",
        )
    })?;
    // Counted before parsing, so that ten thousand of them cost one pass over the text. To the parser a line begins behind
    // a lone CR too.
    let lines = text.split(['\r', '\n']);
    check_m_lines(lines.filter(|line| line.starts_with("m=")).count())?;
    Ok(text)
}

fn check_m_lines(count: usize) -> Result<(), Fault> {
    if count <= M_LINES_MAX {
        return Ok(());
    }
    let (found, expected) = (format!("{count} m-lines"), format!("at most {M_LINES_MAX}"));
    Err(Fault::new("offer", found, expected))
}

fn syntax_fault(text: &str, position: u64, reason: &str) -> Fault {
    let read = usize::try_from(position)
        .unwrap_or(usize::MAX)
        .min(text.len());
    let before = text.as_bytes().get(..read).unwrap_or_default();
    // The parser stands behind the line it dislikes, unless it stopped within one.
    let complete = String::from_utf8_lossy(before).matches('\n').count();
    let number = if before.last() == Some(&b'\n') {
        complete
    } else {
        complete + 1
    }
    .max(1);
    let line = text.lines().nth(number - 1).unwrap_or_default();
    let found = if line.is_empty() {
        "the end of the text".to_owned()
    } else {
        quoted(line)
    };
    Fault::new(
        format!("line {number}"),
        found,
        format!("SDP as in RFC 8866 ({})", quoted(reason)),
    )
}

fn bundle(session: &SessionDescription) -> Option<Vec<String>> {
    let groups = session.attributes.iter().filter(|a| a.key == "group");
    groups.filter_map(|a| a.value.as_deref()).find_map(|value| {
        let mids = value.strip_prefix("BUNDLE")?;
        Some(
            mids.split_ascii_whitespace()
                .take(M_LINES_MAX)
                .map(str::to_owned)
                .collect(),
        )
    })
}
