//! The two real conferences that the rules were written from, figures and all.

use conference::import::{self, Row};
use conference::{
    Actor, Command, Conference, ConferenceId, Counts, ReportId, SiteCode, SittingState, vietnamese,
};
use jiff::Timestamp;
use uuid::Uuid;

const THANH_HOA: &[u8] = include_bytes!("../../../config/thanh-hoa/sites.csv");
const TRIEU_SON: &[u8] = include_bytes!("../../../config/trieu-son/sites.csv");

fn code(text: &str) -> SiteCode {
    text.parse().unwrap()
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(1_616_800_000 + n).unwrap()
}

/// A conference and the clock of its story.
struct Story {
    conference: Conference,
    rows: Vec<Row>,
    now: i64,
}

impl Story {
    fn ready(csv: &[u8], chair: &str) -> Self {
        let rows = import::from_csv(csv).unwrap();
        let mut story = Self {
            conference: Conference::default(),
            rows,
            now: 0,
        };
        story.command(Command::Create {
            id: "c".parse::<ConferenceId>().unwrap(),
            title: "Hội nghị".to_owned(),
            chair: Some(code(chair)),
            sites: story.rows.iter().map(|row| row.site.clone()).collect(),
            by: Actor::System,
        });
        story.command(Command::MoveSitting {
            to: SittingState::Ready,
            by: Actor::System,
        });
        story
    }

    fn command(&mut self, command: Command) {
        self.now += 1;
        for event in self.conference.apply(command, second(self.now)).unwrap() {
            self.conference.fold(&event).unwrap();
        }
    }

    fn report(&mut self, site: SiteCode, counts: Counts) {
        let report_id = ReportId(Uuid::from_u128(self.now as u128));
        self.command(Command::ReportCount {
            site,
            report_id,
            counts,
            by: Actor::Hall,
        });
    }

    /// Every hall for which the file has figures reports them, but those left out.
    fn everybody_reports_but(&mut self, absent: &[&str]) {
        let recorded = self
            .rows
            .iter()
            .filter_map(|row| Some((row.site.code.clone(), row.recorded?)));
        let reports: Vec<_> = recorded
            .filter(|(site, _)| !absent.contains(&site.as_str()))
            .collect();
        for (site, counts) in reports {
            self.report(site, counts);
        }
    }
}

#[test]
fn thanh_hoa_adds_up() {
    let mut story = Story::ready(THANH_HOA, "TINHUY-TH");
    assert_eq!(story.conference.sites().count(), 56);
    let before = story.conference.totals();
    assert_eq!(
        (
            before.sites,
            before.sites_reported,
            before.expected,
            before.present
        ),
        (55, 0, 4_054, 0)
    );
    assert_eq!((before.unreported(), before.oldest_report), (4_054, None));

    story.everybody_reports_but(&[]);
    let totals = story.conference.totals();
    assert_eq!((totals.sites, totals.sites_reported), (55, 55));
    assert_eq!(
        (totals.expected, totals.present, totals.late),
        (4_054, 3_962, 69)
    );
    assert_eq!(
        (
            totals.absent_excused,
            totals.absent_unexcused,
            totals.unclassified
        ),
        (80, 12, 0)
    );
    assert_eq!(totals.unreported(), 0);
    assert_eq!(vietnamese::count_line(&totals), "3.962 (55/55 điểm cầu)");
    assert_eq!(
        vietnamese::percent(totals.present.into(), totals.expected.into()).unwrap(),
        "97,7%"
    );
}

#[test]
fn dong_tho_is_a_conference_in_the_conference() {
    let mut story = Story::ready(THANH_HOA, "TINHUY-TH");
    story.everybody_reports_but(&[]);
    let ward = story.conference.site(&code("TPTH-04")).unwrap().subtree;
    assert_eq!(
        (ward.sites, ward.sites_reported, ward.expected, ward.present),
        (20, 20, 1_916, 1_868)
    );

    let halls: Vec<_> = story
        .rows
        .iter()
        .map(|row| &row.site)
        .filter(|site| site.code == code("TPTH-04") || site.uplink == Some(code("TPTH-04")))
        .collect();
    let sum = |figure: fn(&conference::Site) -> Option<u32>| {
        halls.iter().filter_map(|site| figure(site)).sum::<u32>()
    };
    assert_eq!(
        (sum(|site| site.on_roll), sum(|site| site.exempt)),
        (1_978, 62)
    );
    let streets: usize = halls.iter().map(|site| site.streets.len()).sum();
    assert_eq!(
        (halls.len(), streets),
        (20, 20),
        "19 halls for 20 streets, and the ward's own"
    );
}

#[test]
fn two_halls_that_say_nothing_are_not_two_empty_halls() {
    let mut story = Story::ready(THANH_HOA, "TINHUY-TH");
    story.everybody_reports_but(&["DT-01", "TPTH-03"]);
    let totals = story.conference.totals();
    assert_eq!((totals.sites_reported, totals.sites), (53, 55));
    assert_eq!(
        (totals.present, totals.expected, totals.unreported()),
        (3_962 - 99 - 64, 4_054, 101 + 65)
    );
    assert_eq!(vietnamese::count_line(&totals), "3.799 (53/55 điểm cầu)");
}

#[test]
fn the_oldest_report_ages_until_it_is_replaced() {
    let mut story = Story::ready(THANH_HOA, "TINHUY-TH");
    story.everybody_reports_but(&[]);
    let first = story.conference.site(&code("TPTH-01")).unwrap();
    assert_eq!(
        story.conference.totals().oldest_report,
        first.reported_at,
        "the first in the file reported first"
    );
    let counts = *first.counts.unwrap();
    story.report(code("TPTH-01"), counts);
    let second_in_file = story.conference.site(&code("TPTH-02")).unwrap().reported_at;
    assert_eq!(story.conference.totals().oldest_report, second_in_file);
}

#[test]
fn the_province_feeds_the_program_and_is_not_counted() {
    let story = Story::ready(THANH_HOA, "TINHUY-TH");
    assert!(!story.conference.site(&code("TINHUY-TH")).unwrap().counted);
    let report = Command::ReportCount {
        site: code("TINHUY-TH"),
        report_id: ReportId(Uuid::nil()),
        counts: Counts {
            expected: 1,
            present: 1,
            ..Counts::default()
        },
        by: Actor::Hall,
    };
    assert_eq!(
        story
            .conference
            .apply(report, second(9))
            .unwrap_err()
            .kind(),
        "site_not_counted"
    );
}

#[test]
fn ten_wards_were_communes_until_the_end_of_january() {
    let rows = import::from_csv(THANH_HOA).unwrap();
    let wards: Vec<_> = rows
        .iter()
        .map(|row| &row.site)
        .filter(|site| site.level == "ward" && site.gso_code.is_some())
        .collect();
    let communes = |day: &str| {
        let day = day.parse().unwrap();
        wards
            .iter()
            .filter(|site| site.name_on(day).contains("Xã"))
            .count()
    };
    assert_eq!(
        (wards.len(), communes("2021-01-31"), communes("2021-03-27")),
        (34, 14, 4)
    );
}

#[test]
fn trieu_son_counts_its_root() {
    let mut story = Story::ready(TRIEU_SON, "TS-01");
    story.everybody_reports_but(&[]);
    let totals = story.conference.totals();
    assert_eq!((totals.sites, totals.sites_reported), (36, 36));
    assert_eq!(
        (totals.present, totals.expected, totals.unclassified),
        (1_350, 1_353, 3)
    );
    assert_eq!(vietnamese::percent(1_350, 1_353).unwrap(), "99,8%");
}

#[test]
fn the_founding_event_reads_back_and_is_small_enough_to_keep() {
    let rows = import::from_csv(THANH_HOA).unwrap();
    let create = Command::Create {
        id: "thanh-hoa".parse().unwrap(),
        title: "Hội nghị".to_owned(),
        chair: None,
        sites: rows.into_iter().map(|row| row.site).collect(),
        by: Actor::System,
    };
    let events = Conference::default().apply(create, second(0)).unwrap();
    let body = serde_json::to_string(&events[0]).unwrap();
    assert!(body.starts_with(r#"{"type":"conference_created.v1""#));
    assert_eq!(
        serde_json::from_str::<conference::Event>(&body).unwrap(),
        events[0]
    );
    let forged = body.replace(r#""uplink":"TPTH-04""#, r#""uplink":"NOWHERE""#);
    assert!(
        serde_json::from_str::<conference::Event>(&forged).is_err(),
        "a broken tree is no tree"
    );
}
