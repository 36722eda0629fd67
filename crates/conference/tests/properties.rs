//! Whatever is asked in whatever order: sums are the sums of the leaves, identities hold, history repeats.

use conference::{
    Actor, Command, Conference, Counts, Event, LinkMode, ReportId, Site, SiteKind, SittingState,
    Totals,
};
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

/// How a site comes to its expected figure: on the roll (attending, exempt), declared, or not at all.
type Draft = (prop::sample::Index, Option<(u32, u32)>, Option<u32>);

/// Sites in any order that form a tree. Some have a roll, some declare, some say nothing.
fn sites() -> impl Strategy<Value = Vec<Site>> {
    let one = (
        any::<prop::sample::Index>(),
        prop::option::of((0_u32..200, 0_u32..9)),
        prop::option::of(0_u32..200),
    );
    proptest::collection::vec(one, 1..40)
        .prop_map(|drafts| drafts.into_iter().enumerate().map(site).collect::<Vec<_>>())
        .prop_shuffle()
}

fn site((n, (above, roll, declared)): (usize, Draft)) -> Site {
    let code = |n: usize| format!("S{n}").parse().unwrap();
    Site {
        code: code(n),
        name: format!("Hall {n}"),
        kind: SiteKind::Hub,
        level: format!("level {n}"),
        // At most 21 deep: the tree's own limit is not what is tried here.
        uplink: (n > 0).then(|| code(above.index(n).min(20))),
        link_mode: LinkMode::TwoWay,
        gso_code: None,
        valid_from: None,
        former_name: None,
        streets: Vec::new(),
        on_roll: roll.map(|(attending, exempt)| attending + exempt),
        exempt: roll.map(|(_, exempt)| exempt),
        expected: if roll.is_some() { None } else { declared },
    }
}

/// Figures: mostly ones that add up, for the site's own roll now and then.
fn counts() -> impl Strategy<Value = Counts> {
    let parts = (
        0_u32..200,
        0_u32..9,
        0_u32..9,
        0_u32..9,
        0_u32..9,
        0_u32..60,
        -1_i64..20,
    );
    parts.prop_map(
        |(present, excused, unexcused, unclassified, extra, late, wrong)| Counts {
            expected: present + excused + unexcused + unclassified + u32::from(wrong == 0),
            present,
            late: if wrong < 0 { late } else { late.min(present) },
            absent_excused: excused,
            absent_unexcused: unexcused,
            unclassified,
            extra,
            ..Counts::default()
        },
    )
}

#[derive(Clone, Debug)]
enum Wish {
    Move(SittingState),
    Chair(Option<prop::sample::Index>),
    Report {
        site: prop::sample::Index,
        id: u128,
        counts: Counts,
        fit: bool,
    },
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    use SittingState::{Closed, Draft, Live, Ready};
    let wish = prop_oneof![
        1 => prop::sample::select(vec![Draft, Ready, Ready, Live, Closed]).prop_map(Wish::Move),
        1 => any::<Option<prop::sample::Index>>().prop_map(Wish::Chair),
        12 => (any::<prop::sample::Index>(), 0_u128..60, counts(), any::<bool>())
            .prop_map(|(site, id, counts, fit)| Wish::Report { site, id, counts, fit }),
    ];
    // Ready first: a story in which no hall may report tries little.
    proptest::collection::vec(wish, 0..80).prop_map(|mut wishes| {
        wishes.insert(0, Wish::Move(Ready));
        wishes
    })
}

impl Wish {
    fn command(self, sites: &[Site]) -> Command {
        let by = Actor::System;
        match self {
            Self::Move(to) => Command::MoveSitting { to, by },
            Self::Chair(chair) => Command::SetChair {
                chair: chair.map(|index| sites[index.index(sites.len())].code.clone()),
                by,
            },
            Self::Report {
                site,
                id,
                mut counts,
                fit,
            } => {
                let site = &sites[site.index(sites.len())];
                if let (true, Some(on_roll), Some(exempt)) = (fit, site.on_roll, site.exempt) {
                    let expected = on_roll - exempt;
                    counts = Counts {
                        expected,
                        present: expected,
                        late: expected / 3,
                        ..Counts::default()
                    };
                }
                Command::ReportCount {
                    site: site.code.clone(),
                    report_id: ReportId(Uuid::from_u128(id)),
                    counts,
                    by,
                }
            }
        }
    }
}

/// A conference of these sites after these wishes, and its history. A wish refused changes nothing.
fn play(sites: &[Site], wishes: Vec<Wish>) -> Result<(Conference, Vec<Event>), TestCaseError> {
    let mut conference = Conference::default();
    let create = Command::Create {
        id: "c".parse().unwrap(),
        title: "Title".to_owned(),
        chair: None,
        sites: sites.to_vec(),
        by: Actor::System,
    };
    let mut history = conference.apply(create, Timestamp::UNIX_EPOCH).unwrap();
    conference.fold(&history[0]).unwrap();
    for (second, wish) in wishes.into_iter().enumerate() {
        let now = Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        let before = conference.clone();
        match conference.apply(wish.command(sites), now) {
            Err(_) => prop_assert_eq!(&conference, &before),
            Ok(events) => {
                prop_assert_eq!(&conference, &before, "deciding changes nothing");
                for event in &events {
                    conference.fold(event).unwrap();
                }
                history.extend(events);
            }
        }
    }
    Ok((conference, history))
}

/// Sums over a subtree the slow way: every site whose path up leads through `top`.
fn sum_by_hand(conference: &Conference, top: &Site) -> Totals {
    let mut sum = Totals::default();
    for below in conference.sites().filter(|state| state.counted) {
        if !conference
            .path_to_root(&below.site.code)
            .any(|above| above.site.code == top.code)
        {
            continue;
        }
        sum.sites += 1;
        let Some(counts) = below.counts else {
            sum.expected += below.site.expected().unwrap_or(0);
            continue;
        };
        sum.sites_reported += 1;
        sum.expected += counts.expected;
        sum.expected_reported += counts.expected;
        sum.present += counts.present;
        sum.late += counts.late;
        sum.absent_excused += counts.absent_excused;
        sum.absent_unexcused += counts.absent_unexcused;
        sum.unclassified += counts.unclassified;
        sum.extra += counts.extra;
        sum.oldest_report = [sum.oldest_report, below.reported_at]
            .into_iter()
            .flatten()
            .min();
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_subtree_is_the_sum_of_its_sites(sites in sites(), wishes in wishes()) {
        let (conference, _) = play(&sites, wishes)?;
        for state in conference.sites() {
            prop_assert_eq!(state.subtree, sum_by_hand(&conference, state.site));
        }
        let root = conference.sites().next().unwrap();
        prop_assert_eq!(conference.totals(), root.subtree);
    }

    #[test]
    fn identities_hold_whatever_was_asked(sites in sites(), wishes in wishes()) {
        let (conference, _) = play(&sites, wishes)?;
        for state in conference.sites() {
            let t = state.subtree;
            prop_assert_eq!(
                t.expected,
                t.present + t.absent_excused + t.absent_unexcused + t.unclassified + t.unreported()
            );
            prop_assert!(t.late <= t.present && t.sites_reported <= t.sites);
            if let (Some(counts), Some(on_roll), Some(exempt)) = (state.counts, state.site.on_roll, state.site.exempt) {
                prop_assert_eq!(counts.expected + counts.moved_out, on_roll - exempt + counts.moved_in);
            }
        }
        let live = conference.sitting().state == SittingState::Live;
        prop_assert!(!live || conference.sitting().chair.is_some());
    }

    #[test]
    fn history_told_again_through_json_gives_the_same_conference(sites in sites(), wishes in wishes()) {
        let (conference, history) = play(&sites, wishes)?;
        let mut again = Conference::default();
        for event in &history {
            let body = serde_json::to_string(event).unwrap();
            again.fold(&serde_json::from_str(&body).unwrap()).unwrap();
        }
        prop_assert_eq!(again, conference);
    }

    #[test]
    fn no_report_is_counted_twice(sites in sites(), wishes in wishes()) {
        let (_, history) = play(&sites, wishes)?;
        let mut ids: Vec<_> = history.iter().filter_map(|event| match event {
            Event::CountReported { report_id, .. } => Some(report_id),
            _ => None,
        }).collect();
        let reports = ids.len();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), reports);
    }

    #[test]
    fn sites_stand_behind_the_hub_above_them(sites in sites()) {
        let (conference, _) = play(&sites, Vec::new())?;
        prop_assert_eq!(conference.sites().count(), sites.len());
        let tree = conference.tree();
        for position in 0..tree.len() {
            prop_assert!(tree.parent(position).is_none_or(|parent| parent < position));
            prop_assert!(tree.children(position).iter().all(|&child| tree.parent(child) == Some(position)));
        }
    }
}
