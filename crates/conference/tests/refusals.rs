//! Every no has its reason, and changes nothing.

use conference::{
    Actor, Command, Conference, Counts, Event, LinkMode, ReportId, Site, SiteKind, SittingState,
};
use jiff::Timestamp;
use uuid::Uuid;

fn site(code: &str, kind: SiteKind, uplink: Option<&str>) -> Site {
    Site {
        code: code.parse().unwrap(),
        name: format!("Điểm cầu {code}"),
        kind,
        level: "ward".to_owned(),
        uplink: uplink.map(|code| code.parse().unwrap()),
        link_mode: LinkMode::TwoWay,
        gso_code: None,
        valid_from: None,
        former_name: None,
        streets: Vec::new(),
        on_roll: None,
        exempt: None,
        expected: Some(10),
    }
}

fn create(chair: Option<&str>) -> Command {
    let sites = vec![
        site("A", SiteKind::Hub, None),
        Site {
            on_roll: Some(12),
            exempt: Some(2),
            ..site("B", SiteKind::Site, Some("A"))
        },
        Site {
            link_mode: LinkMode::Relay,
            ..site("C", SiteKind::Site, Some("A"))
        },
    ];
    let chair = chair.map(|code| code.parse().unwrap());
    Command::Create {
        id: "c".parse().unwrap(),
        title: "Hội nghị".to_owned(),
        chair,
        sites,
        by: Actor::System,
    }
}

fn set_chair(chair: Option<&str>) -> Command {
    Command::SetChair {
        chair: chair.map(|code| code.parse().unwrap()),
        by: Actor::System,
    }
}

fn move_to(to: SittingState) -> Command {
    Command::MoveSitting {
        to,
        by: Actor::System,
    }
}

fn report(site: &str, id: u128, present: u32) -> Command {
    let counts = Counts {
        expected: 10,
        present,
        absent_excused: 10 - present,
        ..Counts::default()
    };
    let report_id = ReportId(Uuid::from_u128(id));
    Command::ReportCount {
        site: site.parse().unwrap(),
        report_id,
        counts,
        by: Actor::Hall,
    }
}

/// Applies and folds; the number of events, or the refusal's name.
fn step(conference: &mut Conference, command: Command) -> Result<usize, &'static str> {
    let before = conference.clone();
    match conference.apply(command, Timestamp::UNIX_EPOCH) {
        Ok(events) => {
            for event in &events {
                conference.fold(event).unwrap();
            }
            Ok(events.len())
        }
        Err(refusal) => {
            assert_eq!(*conference, before);
            assert!(!refusal.to_string().is_empty());
            Err(refusal.kind())
        }
    }
}

fn created(chair: Option<&str>) -> Conference {
    let mut conference = Conference::default();
    step(&mut conference, create(chair)).unwrap();
    conference
}

#[test]
fn before_it_is_created_there_is_nothing_to_do() {
    let mut conference = Conference::default();
    assert_eq!(
        step(&mut conference, move_to(SittingState::Ready)),
        Err("not_created")
    );
    assert_eq!(
        step(&mut conference, report("A", 1, 10)),
        Err("not_created")
    );
    assert_eq!(step(&mut conference, create(None)), Ok(1));
    assert_eq!(step(&mut conference, create(None)), Err("already_created"));
}

#[test]
fn a_sitting_takes_its_steps_in_order() {
    use SittingState::{Closed, Draft, Live, Ready};
    let mut conference = created(Some("A"));
    assert_eq!(step(&mut conference, move_to(Live)), Err("illegal_step"));
    assert_eq!(step(&mut conference, move_to(Closed)), Err("illegal_step"));
    for (to, events) in [
        (Ready, 1),
        (Ready, 0),
        (Draft, 1),
        (Ready, 1),
        (Live, 1),
        (Live, 0),
    ] {
        assert_eq!(step(&mut conference, move_to(to)), Ok(events), "{to}");
        assert_eq!(conference.sitting().state, to);
    }
    for to in [Draft, Ready] {
        assert_eq!(
            step(&mut conference, move_to(to)),
            Err("illegal_step"),
            "{to}"
        );
    }
    assert_eq!(step(&mut conference, move_to(Closed)), Ok(1));
    for to in [Draft, Ready, Live] {
        assert_eq!(
            step(&mut conference, move_to(to)),
            Err("illegal_step"),
            "{to}"
        );
    }
}

#[test]
fn live_needs_a_chair_and_keeps_it() {
    let mut conference = created(None);
    step(&mut conference, move_to(SittingState::Ready)).unwrap();
    assert_eq!(
        step(&mut conference, move_to(SittingState::Live)),
        Err("no_chair")
    );
    assert_eq!(
        step(&mut conference, set_chair(Some("X"))),
        Err("unknown_site")
    );
    assert_eq!(
        step(&mut conference, set_chair(Some("C"))),
        Err("chair_not_two_way")
    );
    assert_eq!(step(&mut conference, set_chair(Some("A"))), Ok(1));
    assert_eq!(step(&mut conference, set_chair(Some("A"))), Ok(0));
    assert_eq!(step(&mut conference, set_chair(None)), Ok(1));
    assert_eq!(step(&mut conference, set_chair(Some("B"))), Ok(1));
    assert_eq!(step(&mut conference, move_to(SittingState::Live)), Ok(1));
    assert_eq!(step(&mut conference, set_chair(None)), Err("chair_in_use"));
    assert_eq!(step(&mut conference, set_chair(Some("A"))), Ok(1));
    assert_eq!(
        step(&mut Conference::default(), create(Some("C"))),
        Err("chair_not_two_way")
    );
}

#[test]
fn counts_are_taken_from_ready_until_closed() {
    let mut conference = created(Some("A"));
    assert_eq!(
        step(&mut conference, report("A", 1, 9)),
        Err("counts_not_taken")
    );
    step(&mut conference, move_to(SittingState::Ready)).unwrap();
    assert_eq!(step(&mut conference, report("A", 1, 9)), Ok(1));
    step(&mut conference, move_to(SittingState::Live)).unwrap();
    assert_eq!(step(&mut conference, report("B", 2, 8)), Ok(1));
    step(&mut conference, move_to(SittingState::Closed)).unwrap();
    assert_eq!(
        step(&mut conference, report("C", 3, 10)),
        Err("counts_not_taken")
    );
    assert_eq!(
        step(&mut conference, report("B", 2, 8)),
        Ok(0),
        "a repeat is acknowledged though all is over"
    );
}

#[test]
fn a_report_counts_once_however_often_it_comes() {
    let mut conference = created(Some("A"));
    step(&mut conference, move_to(SittingState::Ready)).unwrap();
    assert_eq!(step(&mut conference, report("B", 7, 8)), Ok(1));
    assert_eq!(step(&mut conference, report("B", 7, 8)), Ok(0));
    assert_eq!(
        step(&mut conference, report("B", 7, 9)),
        Err("report_id_reused")
    );
    assert_eq!(
        step(&mut conference, report("A", 7, 8)),
        Err("report_id_reused")
    );
    assert_eq!(step(&mut conference, report("B", 8, 9)), Ok(1));
    assert_eq!(
        step(&mut conference, report("B", 7, 8)),
        Ok(0),
        "an old repeat does not bring old figures back"
    );
    let totals = conference.totals();
    assert_eq!((totals.sites_reported, totals.present), (1, 9));
}

#[test]
fn figures_that_contradict_are_refused() {
    let mut conference = created(Some("A"));
    step(&mut conference, move_to(SittingState::Ready)).unwrap();
    let mut with = |site: &str, counts| {
        let report_id = ReportId(Uuid::from_u128(1));
        let site = site.parse().unwrap();
        step(
            &mut conference,
            Command::ReportCount {
                site,
                report_id,
                counts,
                by: Actor::Hall,
            },
        )
    };
    let sound = Counts {
        expected: 9,
        present: 9,
        ..Counts::default()
    };
    assert_eq!(
        with("B", sound),
        Err("counts_roll"),
        "12 on the roll, 2 exempt"
    );
    assert_eq!(
        with(
            "B",
            Counts {
                present: 8,
                ..sound
            }
        ),
        Err("counts_sum")
    );
    assert_eq!(with("B", Counts { late: 10, ..sound }), Err("counts_late"));
    assert_eq!(
        with(
            "B",
            Counts {
                extra: u32::MAX,
                ..sound
            }
        ),
        Err("counts_limit")
    );
    assert_eq!(with("X", sound), Err("unknown_site"));
    assert_eq!(
        with(
            "B",
            Counts {
                moved_out: 1,
                ..sound
            }
        ),
        Ok(1)
    );
}

#[test]
fn a_hall_cannot_fill_the_log_alone() {
    let mut conference = created(Some("A"));
    step(&mut conference, move_to(SittingState::Ready)).unwrap();
    for id in 0..1_000 {
        assert_eq!(step_fast(&mut conference, report("B", id, 8)), Ok(1));
    }
    assert_eq!(
        step(&mut conference, report("B", 1_000, 8)),
        Err("too_many_reports")
    );
    assert_eq!(
        step(&mut conference, report("A", 1_001, 8)),
        Ok(1),
        "others go on"
    );
}

/// As [`step`], without comparing the whole conference.
fn step_fast(conference: &mut Conference, command: Command) -> Result<usize, &'static str> {
    let events = conference
        .apply(command, Timestamp::UNIX_EPOCH)
        .map_err(|refusal| refusal.kind())?;
    for event in &events {
        conference.fold(event).unwrap();
    }
    Ok(events.len())
}

#[test]
fn sites_that_are_no_tree_or_no_sites_found_no_conference() {
    let refused = |change: fn(&mut Vec<Site>)| {
        let Command::Create {
            id,
            title,
            chair,
            mut sites,
            by,
        } = create(Some("A"))
        else {
            unreachable!()
        };
        change(&mut sites);
        step(
            &mut Conference::default(),
            Command::Create {
                id,
                title,
                chair,
                sites,
                by,
            },
        )
    };
    assert_eq!(refused(|_| {}), Ok(1));
    assert_eq!(refused(Vec::clear), Err("bad_tree"));
    assert_eq!(
        refused(|sites| sites[1].uplink = Some("X".parse().unwrap())),
        Err("bad_tree")
    );
    assert_eq!(
        refused(|sites| sites[1].code = "A".parse().unwrap()),
        Err("bad_tree")
    );
    assert_eq!(
        refused(|sites| sites[0].kind = SiteKind::Site),
        Err("bad_tree")
    );
    assert_eq!(refused(|sites| sites[1].uplink = None), Err("bad_tree"));
    assert_eq!(
        refused(|sites| sites[2].name = "a\u{202E}b".to_owned()),
        Err("bad_site")
    );
    assert_eq!(refused(|sites| sites[1].exempt = Some(13)), Err("bad_site"));
    let Command::Create {
        id,
        chair,
        sites,
        by,
        ..
    } = create(None)
    else {
        unreachable!()
    };
    let untitled = Command::Create {
        id,
        title: " ".to_owned(),
        chair,
        sites,
        by,
    };
    assert_eq!(step(&mut Conference::default(), untitled), Err("bad_title"));
}

#[test]
fn a_history_that_makes_no_sense_is_not_folded() {
    let mut conference = Conference::default();
    let moved = Event::SittingMoved {
        at: Timestamp::UNIX_EPOCH,
        by: Actor::System,
        from: SittingState::Draft,
        to: SittingState::Ready,
    };
    assert!(conference.fold(&moved).is_err());
    let founding = conference
        .apply(create(None), Timestamp::UNIX_EPOCH)
        .unwrap();
    conference.fold(&founding[0]).unwrap();
    assert!(conference.fold(&founding[0]).is_err());
    let strange = Event::CountReported {
        at: Timestamp::UNIX_EPOCH,
        by: Actor::Hall,
        site: "X".parse().unwrap(),
        report_id: ReportId(Uuid::nil()),
        counts: Counts::default(),
    };
    assert!(conference.fold(&strange).is_err());
    conference.fold(&moved).unwrap();
}
