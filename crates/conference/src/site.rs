//! A site (điểm cầu): one hall, and where it hangs.

use crate::SiteCode;
use crate::head_count::PEOPLE_PER_SITE_MAX;
use crate::text::{self, NAME_CHARS_MAX};
use serde::{Deserialize, Serialize};

/// Hub (điểm cầu chủ) or member (điểm cầu thành phần).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteKind {
    /// Others may hang under it.
    Hub,
    /// A member hall: nothing hangs under it.
    Site,
}

/// Whether a site sends, only watches, or only hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkMode {
    /// Hai chiều: sends and receives.
    TwoWay,
    /// Tiếp sóng: watches only and never has the floor.
    Relay,
    /// Truyền thanh: hears only.
    Loudspeaker,
}

/// A site as imported. Levels are data, never an enum: the administration reorganises itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its code, unique in the conference.
    pub code: SiteCode,
    /// Its name on `valid_from` and after; any visible text, at most [`NAME_CHARS_MAX`] characters.
    pub name: String,
    /// Hub or member.
    pub kind: SiteKind,
    /// Administrative level in the importer's words, such as `ward`.
    pub level: String,
    /// The hub above; absent for the one root.
    pub uplink: Option<SiteCode>,
    /// Two-way, relay, loudspeaker.
    pub link_mode: LinkMode,
    /// Code of the General Statistics Office, up to 5 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gso_code: Option<String>,
    /// First day of `name`, when it replaced `former_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<jiff::civil::Date>,
    /// Its name before `valid_from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_name: Option<String>,
    /// Streets and hamlets that meet in this hall.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streets: Vec<String>,
    /// People on the roll (tổng số đảng viên); absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_roll: Option<u32>,
    /// Of those, exempt from attending (miễn sinh hoạt); absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempt: Option<u32>,
    /// Declared expected (triệu tập); when roll and exemptions are known it equals their difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u32>,
}

/// No site: at every relay `/whep/program` is the program, and a hall of this code could watch nothing.
const PROGRAM: &str = "program";
const PROGRAM_EXPECTED: &str = "another code: at a relay this word is the program";
/// Longest name of a level, characters.
const LEVEL_CHARS_MAX: usize = 40;
/// Most streets of one hall.
pub(crate) const STREETS_MAX: usize = 100;

impl Site {
    /// The name borne on `day`: before `valid_from` the former one.
    pub fn name_on(&self, day: jiff::civil::Date) -> &str {
        match (&self.former_name, self.valid_from) {
            (Some(former), Some(from)) if day < from => former,
            _ => &self.name,
        }
    }

    /// Expected without anybody having moved in or out: on_roll − exempt when both are known, else as
    /// declared, else unknown.
    pub fn expected(&self) -> Option<u32> {
        self.expected_by_roll().or(self.expected)
    }

    /// on_roll − exempt, when both are known and make sense.
    pub(crate) fn expected_by_roll(&self) -> Option<u32> {
        self.on_roll?.checked_sub(self.exempt?)
    }

    /// What is wrong with this site by itself: (field, found, expected).
    pub(crate) fn faults(&self) -> Vec<(&'static str, String, String)> {
        let mut faults = Vec::new();
        let mut check = |field, value: &str, most| match text::plain(value, most) {
            Ok(plain) if plain == value => {}
            Ok(_) => faults.push((
                field,
                text::excerpt(value),
                "trimmed text in composed form (NFC)".to_owned(),
            )),
            Err(fault) => faults.push((field, fault.to_string(), expected_text(most))),
        };
        check("name", &self.name, NAME_CHARS_MAX);
        check("level", &self.level, LEVEL_CHARS_MAX);
        if let Some(former) = &self.former_name {
            check("former_name", former, NAME_CHARS_MAX);
        }
        for street in &self.streets {
            check("streets", street, NAME_CHARS_MAX);
        }
        if self.code.as_str() == PROGRAM {
            faults.push(("code", PROGRAM.to_owned(), PROGRAM_EXPECTED.to_owned()));
        }
        faults.extend(self.figure_faults());
        faults
    }

    fn figure_faults(&self) -> Vec<(&'static str, String, String)> {
        let mut faults = Vec::new();
        if self.streets.len() > STREETS_MAX {
            faults.push((
                "streets",
                format!("{} streets", self.streets.len()),
                format!("at most {STREETS_MAX}"),
            ));
        }
        if let Some(code) = self.gso_code.as_deref().filter(|code| !is_gso_code(code)) {
            faults.push(("gso_code", text::excerpt(code), GSO_EXPECTED.to_owned()));
        }
        for (field, value) in [
            ("on_roll", self.on_roll),
            ("exempt", self.exempt),
            ("expected", self.expected),
        ] {
            if let Some(value) = value.filter(|&value| value > PEOPLE_PER_SITE_MAX) {
                faults.push((
                    field,
                    value.to_string(),
                    format!("at most {PEOPLE_PER_SITE_MAX} people"),
                ));
            }
        }
        if let (Some(on_roll), Some(exempt)) = (self.on_roll, self.exempt) {
            faults.extend(roll_fault(on_roll, exempt, self.expected));
        }
        faults
    }
}

const GSO_EXPECTED: &str = "1 to 5 digits";

fn is_gso_code(code: &str) -> bool {
    (1..=5).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit())
}

fn roll_fault(
    on_roll: u32,
    exempt: u32,
    expected: Option<u32>,
) -> Option<(&'static str, String, String)> {
    match (on_roll.checked_sub(exempt), expected) {
        (None, _) => Some((
            "exempt",
            exempt.to_string(),
            format!("at most on_roll, {on_roll}"),
        )),
        (Some(by_roll), Some(expected)) if by_roll != expected => Some((
            "expected",
            expected.to_string(),
            format!("on_roll − exempt = {on_roll} − {exempt} = {by_roll}"),
        )),
        _ => None,
    }
}

pub(crate) fn expected_text(chars_max: usize) -> String {
    format!("visible text of 1 to {chars_max} characters")
}
