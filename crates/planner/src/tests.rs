//! Stories and properties of the tree.

use crate::{Input, Refusal, Relay, Site, Tree, plan};
use proptest::prelude::*;

fn site(code: &str, uplink: Option<usize>) -> Site {
    Site {
        code: code.to_owned(),
        uplink,
        two_way: true,
    }
}

fn relay(id: &str, site: usize, capacity: u32) -> Relay {
    Relay {
        id: id.to_owned(),
        site,
        capacity,
    }
}

/// The 56 rows of the Thanh Hóa conference: TINHUY-TH, TPTH-01…36, DT-01…19.
fn thanh_hoa() -> Input {
    let mut sites = vec![
        site("TINHUY-TH", None),
        site("TPTH-01", Some(0)),
        site("TPTH-02", Some(0)),
    ];
    sites.extend((3..=36).map(|n| site(&format!("TPTH-{n:02}"), Some(1))));
    sites.extend((1..=19).map(|n| site(&format!("DT-{n:02}"), Some(4))));
    let relays = vec![
        relay("province", 0, 250),
        relay("city", 1, 250),
        relay("ward", 4, 250),
    ];
    Input {
        sites,
        relays,
        program_source: 0,
    }
}

fn parents(tree: &Tree) -> Vec<Option<usize>> {
    tree.relays.iter().map(|relay| relay.parent).collect()
}

#[test]
fn thanh_hoa_stands_on_three_levels() {
    let input = thanh_hoa();
    let tree = plan(&input).unwrap();
    assert_eq!(parents(&tree), [None, Some(0), Some(1)]);
    assert_eq!(
        tree.relays
            .iter()
            .map(|relay| relay.level)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    let served = |relay| -> Vec<&str> {
        input
            .sites
            .iter()
            .zip(&tree.sites)
            .filter(|&(_, &at)| at == relay)
            .map(|(site, _)| &*site.code)
            .collect()
    };
    assert_eq!(served(0), ["TINHUY-TH", "TPTH-01", "TPTH-02"]);
    assert_eq!(served(1).len(), 34);
    assert!(
        served(1).contains(&"TPTH-04"),
        "the ward's own hall watches beside its sister wards"
    );
    assert_eq!(
        served(2),
        (1..=19).map(|n| format!("DT-{n:02}")).collect::<Vec<_>>()
    );
    assert_eq!(
        tree.relays
            .iter()
            .map(|relay| relay.load)
            .collect::<Vec<_>>(),
        [3 + 1, 34 + 1, 19]
    );
}

#[test]
fn a_chair_in_a_street_turns_the_tree_over() {
    let input = Input {
        program_source: 40,
        ..thanh_hoa()
    };
    let tree = plan(&input).unwrap();
    assert_eq!(tree.sites[40], 2);
    assert_eq!(parents(&tree), [Some(1), Some(2), None]);
}

#[test]
fn halls_that_find_their_relay_full_go_to_the_nearest_other() {
    let mut input = thanh_hoa();
    input.relays[2].capacity = 12;
    let tree = plan(&input).unwrap();
    let at_city = (37..56).filter(|&street| tree.sites[street] == 1).count();
    assert_eq!((at_city, tree.relays[2].load), (7, 12));
}

#[test]
fn relays_too_small_together_are_refused_with_the_number_missing() {
    let mut input = thanh_hoa();
    for relay in &mut input.relays {
        relay.capacity = 19;
    }
    let refusal = plan(&input).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::NotEnoughRoom {
            room: 57,
            needed: 58,
            missing: 1
        }
    );
    assert_eq!(refusal.kind(), "not_enough_room");
}

#[test]
fn a_full_parent_passes_a_child_relay_on() {
    let sites = vec![site("R", None), site("A", Some(0)), site("B", Some(0))];
    let relays = vec![relay("r", 0, 2), relay("a", 1, 2), relay("b", 2, 2)];
    let tree = plan(&Input {
        sites,
        relays,
        program_source: 0,
    })
    .unwrap();
    assert_eq!(
        parents(&tree),
        [None, Some(0), Some(1)],
        "r has room for its hall and one relay only"
    );
}

#[test]
fn the_program_enters_where_it_can_leave_again() {
    let sites = || vec![site("R", None), site("A", Some(0))];
    let plan_of = |capacity| {
        plan(&Input {
            sites: sites(),
            relays: vec![relay("r", 0, 1), relay("a", 1, capacity)],
            program_source: 0,
        })
    };
    let tree = plan_of(2).unwrap();
    assert_eq!(
        (parents(&tree), tree.sites),
        (vec![Some(1), None], vec![1, 0])
    );
    assert_eq!(plan_of(1).unwrap_err().kind(), "not_enough_room");
}

#[test]
fn two_relays_at_one_hub_share_its_halls() {
    let mut sites = vec![site("R", None)];
    sites.extend((0..10).map(|n| site(&format!("S{n}"), Some(0))));
    let tree = plan(&Input {
        sites,
        relays: vec![relay("r1", 0, 8), relay("r2", 0, 8)],
        program_source: 0,
    })
    .unwrap();
    assert_eq!(parents(&tree), [None, Some(0)]);
    assert_eq!(
        tree.relays
            .iter()
            .map(|relay| relay.load)
            .collect::<Vec<_>>(),
        [8, 4]
    );
}

#[test]
fn relays_in_separate_branches_hang_under_the_programs() {
    let sites = vec![
        site("R", None),
        site("A", Some(0)),
        site("B", Some(0)),
        site("A1", Some(1)),
        site("B1", Some(2)),
    ];
    let tree = plan(&Input {
        sites,
        relays: vec![relay("a", 1, 9), relay("b", 2, 9)],
        program_source: 4,
    })
    .unwrap();
    assert_eq!(parents(&tree), [Some(1), None]);
    assert_eq!(tree.sites, [0, 0, 1, 0, 1]);
}

#[test]
fn nonsense_is_refused_by_name() {
    let kind = |change: fn(&mut Input)| {
        let mut input = thanh_hoa();
        change(&mut input);
        plan(&input).unwrap_err().kind()
    };
    assert_eq!(kind(|input| input.relays.clear()), "no_relay");
    assert_eq!(kind(|input| input.relays[1].capacity = 0), "no_capacity");
    assert_eq!(kind(|input| input.relays[1].site = 56), "no_such_site");
    assert_eq!(
        kind(|input| input.sites[5].uplink = Some(99)),
        "no_such_site"
    );
    assert_eq!(kind(|input| input.program_source = 56), "no_such_site");
    assert_eq!(kind(|input| input.sites[0].uplink = Some(40)), "cycle");
    assert_eq!(
        kind(|input| input.sites[0].two_way = false),
        "source_only_receives"
    );
    assert_eq!(plan(&Input::default()).unwrap_err().kind(), "no_such_site");
}

/// Trees of up to 60 sites with up to 8 relays, now too small, now ample.
fn inputs() -> impl Strategy<Value = Input> {
    (1_usize..60).prop_flat_map(|count| {
        let uplinks = proptest::collection::vec(any::<prop::sample::Index>(), count);
        let relays = proptest::collection::vec((0..count, 1_u32..20), 1..8);
        (uplinks, relays, 0..count).prop_map(|(uplinks, relays, program_source)| {
            let uplink =
                |at: usize, pick: prop::sample::Index| (at > 0).then(|| pick.index(at.max(1)));
            let sites = uplinks
                .into_iter()
                .enumerate()
                .map(|(at, pick)| site(&format!("S{at}"), uplink(at, pick)));
            let relays = relays.into_iter().enumerate();
            Input {
                sites: sites.collect(),
                relays: relays
                    .map(|(n, (at, capacity))| relay(&format!("r{n}"), at, capacity))
                    .collect(),
                program_source,
            }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_plan_exists_exactly_when_there_is_room(input in inputs()) {
        let room: u64 = input.relays.iter().map(|relay| u64::from(relay.capacity)).sum();
        let needed = (input.sites.len() + input.relays.len() - 1) as u64;
        let passes = input.relays.len() == 1 || input.relays.iter().any(|relay| relay.capacity > 1);
        prop_assert_eq!(plan(&input).is_ok(), room >= needed && passes);
    }

    #[test]
    fn every_plan_is_a_tree_within_capacity_and_repeatable(input in inputs()) {
        let Ok(tree) = plan(&input) else { return Ok(()) };
        prop_assert_eq!(Ok(tree.clone()), plan(&input));
        prop_assert_eq!(tree.sites.len(), input.sites.len());

        let mut load = vec![0; input.relays.len()];
        tree.sites.iter().for_each(|&relay| load[relay] += 1);
        tree.relays.iter().filter_map(|relay| relay.parent).for_each(|parent| load[parent] += 1);
        for (relay, spec) in input.relays.iter().enumerate() {
            prop_assert_eq!(load[relay], tree.relays[relay].load);
            prop_assert!(load[relay] <= spec.capacity, "{} serves {}", spec.id, load[relay]);
        }

        let tops: Vec<_> = (0..tree.relays.len()).filter(|&relay| tree.relays[relay].parent.is_none()).collect();
        prop_assert_eq!(&tops, &vec![tree.sites[input.program_source]], "the program enters at the top");
        for relay in &tree.relays {
            // A level that is one more than the parent's for every relay leaves no place for a circle.
            prop_assert_eq!(relay.level, relay.parent.map_or(0, |parent| tree.relays[parent].level) + 1);
        }
    }

    #[test]
    fn with_ample_room_every_site_is_served_by_the_nearest_hub_above_it(input in inputs()) {
        let mut input = input;
        input.relays.iter_mut().for_each(|relay| relay.capacity = 100);
        let tree = plan(&input).unwrap();
        for (site, &relay) in tree.sites.iter().enumerate() {
            let mut above = std::iter::successors(input.sites[site].uplink, |&at| input.sites[at].uplink);
            let expected = above.find_map(|at| input.relays.iter().position(|relay| relay.site == at));
            if let Some(expected) = expected {
                prop_assert_eq!(relay, expected);
            }
        }
    }
}
