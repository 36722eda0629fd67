//! `a=fmtp` values: what of them is read, and what of them goes back into an answer.

/// The parameters of one payload type, `name=value` pairs between semicolons.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parameters<'a>(pub(super) &'a str);

impl<'a> Parameters<'a> {
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        self.0
            .split(';')
            .filter_map(|part| part.trim().split_once('='))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// A small decimal number: nothing else may pass into an answer.
    fn number(self, name: &str) -> Option<u16> {
        self.get(name)?.parse().ok()
    }
}

/// RFC 7587 §7: what we, as the receiver, would like. Frame length, in-band repair, silence that is not sent and stereo
/// are the publisher's to propose; repair we like in any case.
pub(super) fn opus(offered: Parameters<'_>) -> String {
    let shortest_ms = offered.number("minptime").filter(|ms| *ms <= 120);
    let repair = offered.number("useinbandfec") != Some(0);
    let mut answer = format!(
        "minptime={};useinbandfec={}",
        shortest_ms.unwrap_or(10),
        u8::from(repair)
    );
    for wish in ["usedtx", "stereo"] {
        if offered.number(wish) == Some(1) {
            answer.push(';');
            answer.push_str(wish);
            answer.push_str("=1");
        }
    }
    answer
}

/// An H.264 profile and level as the answer repeats them.
pub(super) struct H264 {
    pub(super) parameters: String,
    /// The smaller, the more receivers decode it.
    pub(super) rank: u8,
}

/// Packetization mode 1 only: mode 0 cannot carry a picture larger than one packet. The profile of an answer must be
/// the offer's (RFC 6184 §8.2.2), so it is repeated as it stands.
pub(super) fn h264(offered: Parameters<'_>) -> Option<H264> {
    if offered.get("packetization-mode") != Some("1") {
        return None;
    }
    // Absent means baseline, level 1 (RFC 6184 §8.1).
    let profile = offered
        .get("profile-level-id")
        .unwrap_or("42000a")
        .to_ascii_lowercase();
    let bits = u32::from_str_radix(&profile, 16).ok()?;
    if profile.len() != 6 || !profile.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let rank = match (bits >> 16, (bits >> 8) & 0xFF) {
        _ if profile == "42e01f" => 0,
        // Constrained baseline in its three spellings (RFC 6184 table 5), which every browser decodes.
        (0x42, constraints) if constraints & 0x4F == 0x40 => 1,
        (0x4D, constraints) if constraints & 0x8F == 0x80 => 1,
        (0x58, constraints) if constraints & 0xCF == 0xC0 => 1,
        (0x42, _) => 2,
        _ => 3,
    };
    let parameters =
        format!("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}");
    Some(H264 { parameters, rank })
}

/// Profile 0 of VP9 (RFC 9628 §6.1), the one every decoder has; absent means it.
pub(super) fn vp9(offered: Parameters<'_>) -> Option<String> {
    matches!(offered.get("profile-id"), None | Some("0")).then(|| "profile-id=0".to_owned())
}

/// Main profile of AV1; absent means it. Level and tier are the offer's, where they are numbers.
pub(super) fn av1(offered: Parameters<'_>) -> Option<String> {
    if !matches!(offered.get("profile"), None | Some("0")) {
        return None;
    }
    let number = |name: &str, default: u16| offered.number(name).unwrap_or(default);
    // The defaults of the AV1 RTP specification §7.2.1.
    Some(format!(
        "level-idx={};profile=0;tier={}",
        number("level-idx", 5),
        number("tier", 0)
    ))
}

/// The payload type that an RTX payload type repeats (RFC 4588 §8.6).
pub(super) fn repeats(offered: Parameters<'_>) -> Option<u8> {
    offered.get("apt")?.parse().ok()
}

/// The payload type inside RED, if it holds only one (RFC 2198 §5: `111/111`).
pub(super) fn wraps(offered: Parameters<'_>) -> Option<u8> {
    let mut inside = offered.0.trim().split('/').map(str::parse::<u8>);
    let first = inside.next()?.ok()?;
    inside
        .all(|other| other.as_ref() == Ok(&first))
        .then_some(first)
}
