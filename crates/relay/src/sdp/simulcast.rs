//! Several qualities of one picture: `a=rid` (RFC 8851) and `a=simulcast` (RFC 8853).

use super::Section;
use protocol::MediaKind;
use rtc_sdp::MediaDescription;
use std::fmt;

/// Layers taken of one publisher: tile, table, wall.
const LAYERS_MAX: usize = 3;

/// Streams and alternatives of one `a=simulcast` that are looked at, and `a=rid` lines.
const LOOKED_AT_MAX: usize = 16;

/// Longest RID: what the one-byte header-extension form holds (RFC 8285 §4.2).
const RID_BYTES_MAX: usize = 16;

/// Restrictions that a relay can leave to the encoder (RFC 8851 §5). `depend` is not among them: its layers make no
/// picture of their own. A RID with any other one is left out, as §6.3 has it.
const KNOWN: [&str; 7] = [
    "max-width",
    "max-height",
    "max-fps",
    "max-fs",
    "max-br",
    "max-pps",
    "max-bpp",
];

/// One `a=rid` line on which the peer sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rid {
    /// Its name, as in the header extension.
    pub id: String,
    /// Payload types it may use; empty: all of the m-line.
    formats: Vec<u8>,
    /// Its restrictions, in the offer's order, decimal numbers all.
    restrictions: Vec<(&'static str, String)>,
}

impl Rid {
    /// `<id> send|recv [pt=…;][name=value;…]`.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (id, direction) = (words.next()?, words.next()?);
        let rid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if direction != "send" || id.len() > RID_BYTES_MAX || !id.bytes().all(rid) {
            return None;
        }
        let mut parsed = Self {
            id: id.to_owned(),
            formats: Vec::new(),
            restrictions: Vec::new(),
        };
        let parameters = words.next().unwrap_or_default();
        for part in parameters.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=')?;
            if name == "pt" {
                parsed.formats = value.split(',').filter_map(|pt| pt.parse().ok()).collect();
                continue;
            }
            let known = KNOWN.into_iter().find(|known| *known == name)?;
            parse_number(value)?;
            parsed.restrictions.push((known, value.to_owned()));
        }
        Some(parsed)
    }

    fn allows(&self, payload_type: u8) -> bool {
        self.formats.is_empty() || self.formats.contains(&payload_type)
    }

    fn restriction(&self, name: &str) -> Option<f64> {
        let (_, value) = self.restrictions.iter().find(|(known, _)| *known == name)?;
        parse_number(value)
    }

    /// How good its picture can be, by one measure.
    fn size(&self, measure: Measure) -> Option<f64> {
        match measure {
            Measure::Pixels => {
                let (width, height) = (
                    self.restriction("max-width"),
                    self.restriction("max-height"),
                );
                // One of the two says as much: layers of one camera have one shape.
                Some(width.or(height)? * height.or(width)?)
            }
            Measure::FrameSize => self.restriction("max-fs"),
            Measure::Bitrate => self.restriction("max-br"),
        }
    }
}

impl Rid {
    /// The line of an answer that takes it, without `a=`: the same restrictions, the one payload type if it named some.
    pub(super) fn taken(&self, payload_type: u8) -> impl fmt::Display + '_ {
        let pt = (!self.formats.is_empty()).then(|| format!("pt={payload_type}"));
        let restrictions = self.restrictions.iter();
        let named = restrictions.map(|(name, value)| format!("{name}={value}"));
        let parameters: Vec<String> = pt.into_iter().chain(named).collect();
        let space = if parameters.is_empty() { "" } else { " " };
        format!("rid:{} recv{space}{}", self.id, parameters.join(";"))
    }
}

/// What tells layers apart, the most telling first.
#[derive(Clone, Copy)]
enum Measure {
    Pixels,
    FrameSize,
    Bitrate,
}

/// At most nine digits, at most one point among them: it goes into an answer.
fn parse_number(value: &str) -> Option<f64> {
    let good = |b: u8| b.is_ascii_digit() || b == b'.';
    if value.len() > 9 || !value.bytes().all(good) {
        return None;
    }
    value.parse().ok()
}

/// The streams that the offer would send, each with its alternatives in the order of preference.
pub(super) fn offered(media: &MediaDescription) -> Vec<Vec<Rid>> {
    let lines = |key: &'static str| {
        let all = media.attributes.iter().filter(move |a| a.key == key);
        all.filter_map(|a| a.value.as_deref())
    };
    let declared: Vec<Rid> = lines("rid")
        .take(LOOKED_AT_MAX)
        .filter_map(Rid::parse)
        .collect();
    let mut words = lines("simulcast")
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace();
    while let (Some(direction), Some(streams)) = (words.next(), words.next()) {
        if direction == "send" {
            let streams = streams.split(';').take(LOOKED_AT_MAX);
            return streams
                .map(|stream| alternatives(stream, &declared))
                .collect();
        }
    }
    Vec::new()
}

/// `a,~b`: a tilde says that a stream begins paused (RFC 8853 §5.1). It is taken all the same: paused is what a stream
/// is that sends nothing.
fn alternatives(stream: &str, declared: &[Rid]) -> Vec<Rid> {
    let names = stream.split(',').take(LOOKED_AT_MAX);
    let find = |name: &str| {
        let name = name.strip_prefix('~').unwrap_or(name);
        declared.iter().find(|rid| rid.id == name).cloned()
    };
    names.filter_map(find).collect()
}

/// The layers taken when the m-line is answered with this payload type, in the offer's order; empty: one stream,
/// without RIDs. Beyond three the last ones named are left out: senders name what they like best first (RFC 8853 §5.2).
pub(super) fn taken(section: &Section, payload_type: u8) -> Vec<Rid> {
    if section.kind != Some(MediaKind::Video) {
        return Vec::new();
    }
    let mut taken: Vec<Rid> = Vec::new();
    for alternatives in &section.simulcast {
        let fits = |rid: &&Rid| rid.allows(payload_type) && !taken.contains(rid);
        if let Some(rid) = alternatives.iter().find(fits) {
            taken.push(rid.clone());
        }
    }
    taken.truncate(LAYERS_MAX);
    taken
}

/// The names of these layers, the lowest quality first. Where their restrictions tell nothing, the offer's order is that
/// of quality: so libwebrtc has its encodings, and every page that follows its examples.
pub(super) fn lowest_first(rids: &[Rid]) -> Vec<String> {
    let telling = [Measure::Pixels, Measure::FrameSize, Measure::Bitrate]
        .into_iter()
        .find_map(|measure| {
            let sizes: Vec<f64> = rids
                .iter()
                .map(|rid| rid.size(measure))
                .collect::<Option<_>>()?;
            let differ = sizes.iter().any(|size| Some(size) != sizes.first());
            differ.then_some(sizes)
        });
    let mut order: Vec<usize> = (0..rids.len()).collect();
    if let Some(sizes) = telling {
        let size = |index: &usize| sizes.get(*index).copied().unwrap_or_default();
        order.sort_by(|one, other| size(one).total_cmp(&size(other)));
    }
    order
        .into_iter()
        .filter_map(|index| rids.get(index).map(|rid| rid.id.clone()))
        .collect()
}
