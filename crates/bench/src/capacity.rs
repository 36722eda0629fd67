//! How many halls a machine carries: one core filled until it is full or packets are missing.

use crate::case::{AUDIO_PPS, Case, Feed, Row, VIDEO_PPS};
use crate::engine::{Engine, Server, Setup};
use crate::load_process::Load;
use crate::machine;
use crate::measure::{Cores, Method};
use crate::proc;
use crate::report::Capacity;
use crate::wire::{Command, Delay};
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Halls that are there: as many sessions as a relay takes unless its configuration says otherwise. Beyond them the
/// rate rises instead.
const LEGS: usize = 1_000;
/// Halls whose every packet is verified; the kernel drops and counts those of the rest, after the sender has paid.
const VERIFIED: usize = 20;
/// Times the rate while everybody joins: the load still verifies the packets of all, which it could not at the full one.
const JOINING_SPEED: f64 = 0.1;
/// A core this busy is full.
const FULL: f64 = 0.95;
/// A feed that is later than this is no conference any more.
const DELAY_MS_MAX: f64 = 50.0;
/// A publisher may send 16 Mbit/s.
const SPEED_MAX: f64 = 6.0;
/// Looks at most.
const STEPS_MAX: usize = 8;
/// The rate is known well enough.
const CLOSE_ENOUGH: f64 = 0.03;
const SETTLE_TIME: Duration = Duration::from_millis(700);
/// When nothing arrives for so long, nothing is under way.
const QUIET_TIME: Duration = Duration::from_millis(200);
/// A relay's socket buffer holds some 3,000 packets, each of which goes to everybody.
const DRAIN_TIME_MAX: Duration = Duration::from_mins(1);

/// One look at one rate.
#[derive(Clone, Copy, Debug)]
struct Look {
    speed: f64,
    busy: f64,
    packets_per_s: f64,
    wanted_per_s: f64,
    /// Packets that halls opened; the kernel's count alone would also be of reports and checks.
    verified: u64,
    holes: u64,
    delay: Delay,
}

impl Look {
    fn is_carried(&self) -> bool {
        self.holes == 0
            && self.verified > 0
            && self.delay.p99 <= DELAY_MS_MAX
            && self.packets_per_s >= 0.98 * self.wanted_per_s
    }
}

/// Fills one core of this machine.
///
/// # Errors
/// When a process does not start, or halls cannot join.
pub fn find(engine: &dyn Engine, method: &Method) -> Result<Capacity> {
    let legs = LEGS;
    machine::check(legs)?;
    let row = Row {
        feed: Feed {
            case: Case::Hall,
            pps: VIDEO_PPS,
        },
        ..Row::new(Case::Hall, legs, 1)
    };
    let cores = Cores::of(&row)?;
    let folder = tempfile::tempdir()?;
    let server = engine.start(&Setup {
        row: &row,
        folder: folder.path(),
        ip: method.ip,
        cores: &cores.server,
    })?;
    let mut load = Load::start(method, &row, &*server, folder.path(), cores.load)?;
    load.done(&Command::Publish)?;
    load.send(true, JOINING_SPEED)?;
    sleep(SETTLE_TIME);
    load.join(legs, true)?;
    load.done(&Command::Sample {
        every: legs / VERIFIED,
    })?;
    let best = fill(|speed| look(&*server, &mut load, &row, method.window, speed))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(told(best, legs, cores))
}

/// Raises the rate by what is free, and halves the way back when it was too much.
fn fill(mut look: impl FnMut(f64) -> Result<Look>) -> Result<Look> {
    let mut best: Option<Look> = None;
    let mut too_much = f64::INFINITY;
    let mut speed = 1.0;
    for _ in 0..STEPS_MAX {
        let seen = look(speed)?;
        if seen.is_carried() {
            best = Some(seen);
            if seen.busy >= FULL || speed >= SPEED_MAX {
                break;
            }
            // A little less than what would fill it: idle time is not all to be had.
            speed = (speed * 0.97 / seen.busy)
                .clamp(speed * 1.02, speed * 2.0)
                .min(SPEED_MAX);
        } else {
            too_much = speed;
        }
        if let Some(best) =
            best.filter(|best| speed >= too_much || best.speed >= too_much * (1.0 - CLOSE_ENOUGH))
        {
            if too_much - best.speed <= CLOSE_ENOUGH * too_much {
                break;
            }
            speed = f64::midpoint(best.speed, too_much);
        } else if best.is_none() {
            speed /= 2.0;
        }
    }
    best.context("not even a sixteenth of the rate is carried without a hole")
}

fn look(
    server: &dyn Server,
    load: &mut Load,
    row: &Row,
    window: Duration,
    speed: f64,
) -> Result<Look> {
    let edge = *server
        .processes()
        .last()
        .context("a server with a process")?;
    let ports = server.media_ports();
    let dropped = || proc::udp_drops(|port| !ports.contains(&port));
    drain(load)?;
    load.send(true, speed)?;
    sleep(SETTLE_TIME);
    let before = load.mark(false)?;
    let (began, cpu_before, dropped_before) = (Instant::now(), proc::threads(edge)?, dropped()?);
    sleep(window);
    let (lasted, cpu_after, dropped_after) = (began.elapsed(), proc::threads(edge)?, dropped()?);
    let after = load.mark(false)?;
    ensure!(
        after.auth_failures == before.auth_failures,
        "packets do not authenticate"
    );
    let verified = after.delivered - before.delivered;
    let seconds = lasted.as_secs_f64();
    let look = Look {
        speed,
        busy: proc::sum_ns(&proc::spent(&cpu_before, &cpu_after)) as f64 / lasted.as_nanos() as f64,
        packets_per_s: (verified + dropped_after.saturating_sub(dropped_before)) as f64 / seconds,
        wanted_per_s: f64::from(row.feed.pps + AUDIO_PPS) * speed * row.legs as f64,
        verified,
        holes: after.holes.saturating_sub(before.holes),
        delay: after.delay_ms,
    };
    eprintln!(
        "  {:.0} halls' packets: core {:.0} % busy, {:.0} packets/s, delay p99 {:.1} ms, {} holes",
        speed * row.legs as f64,
        look.busy * 100.0,
        look.packets_per_s,
        look.delay.p99,
        look.holes
    );
    Ok(look)
}

/// Nobody sends until all is quiet: what a rate too high has left under way would be laid at the next one's door.
fn drain(load: &mut Load) -> Result<()> {
    load.send(false, 1.0)?;
    let began = Instant::now();
    let mut delivered = load.mark(false)?.delivered;
    loop {
        sleep(QUIET_TIME);
        let now = load.mark(false)?.delivered;
        if now == delivered {
            return Ok(());
        }
        ensure!(
            began.elapsed() < DRAIN_TIME_MAX,
            "packets still arrive {} s after the last was sent",
            DRAIN_TIME_MAX.as_secs()
        );
        delivered = now;
    }
}

fn told(best: Look, legs: usize, cores: usize) -> Capacity {
    let per_core = (best.speed * legs as f64) as u64;
    let halls = per_core * cores as u64;
    let extrapolated_by_rate = (best.speed - 1.0).abs() > f64::EPSILON;
    let mut how = format!(
        "One core sent {legs} legs {:.2} times the packets of a hall (250 of video a second in frames of 8, and 50 of sound), {:.0} packets/s, \
         {:.0} % busy, delay p99 {:.1} ms. Every packet of {VERIFIED} legs, evenly spread among them, was verified; the kernel counted and dropped \
         those of the rest at their sockets, which costs less than queueing them.",
        best.speed,
        best.packets_per_s,
        best.busy * 100.0,
        best.delay.p99,
    );
    if extrapolated_by_rate {
        let _ = write!(
            how,
            " {per_core} halls on a core are these packets over a hall's: converted by rate, so many at their full rate were not there."
        );
    }
    let _ = write!(
        how,
        " That {cores} cores carry {cores} times that, with a worker on each, was not measured."
    );
    Capacity {
        halls_at_2_5_mbit: halls,
        halls_per_core: per_core,
        cores,
        core_busy: best.busy,
        packets_per_s: best.packets_per_s,
        delay_ms: best.delay,
        legs,
        rate: best.speed,
        extrapolated_by_rate,
        sessions_per_relay: LEGS as u64,
        relays_needed: halls.div_ceil(LEGS as u64),
        relays_needed_with_cameras: (2 * halls).div_ceil(LEGS as u64),
        how,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A core that is full at this rate.
    fn core_full_at(limit: f64) -> impl FnMut(f64) -> Result<Look> {
        move |speed| {
            Ok(Look {
                speed,
                busy: (speed / limit).min(1.0),
                packets_per_s: 100.0 * speed.min(limit),
                wanted_per_s: 100.0 * speed,
                verified: 1,
                holes: u64::from(speed > limit),
                delay: Delay::default(),
            })
        }
    }

    #[test]
    fn the_search_ends_just_below_the_limit() {
        for limit in [0.3, 0.9, 1.1, 2.2, 4.9] {
            let best = fill(core_full_at(limit)).expect("carried");
            assert!(
                best.speed <= limit && best.speed >= 0.9 * limit,
                "limit {limit}: {best:?}"
            );
        }
        assert!(fill(core_full_at(0.001)).is_err());
    }

    #[test]
    fn a_rate_at_which_no_hall_gets_anything_is_not_carried() {
        let mut full = core_full_at(1.0);
        let nothing = fill(|speed| {
            let seen = full(speed)?;
            Ok(Look {
                verified: 0,
                ..seen
            })
        });
        assert!(nothing.is_err());
    }

    #[test]
    fn what_was_not_there_is_said() -> Result<()> {
        let at = |speed| core_full_at(10.0)(speed).map(|look| told(look, LEGS, 2));
        let more = at(2.5)?;
        assert_eq!((more.halls_at_2_5_mbit, more.legs), (5_000, LEGS));
        assert!(more.extrapolated_by_rate && more.how.contains("were not there"));
        assert_eq!(
            (more.relays_needed, more.relays_needed_with_cameras),
            (5, 10)
        );
        let as_many = at(1.0)?;
        assert!(!as_many.extrapolated_by_rate && !as_many.how.contains("were not there"));
        assert_eq!(
            as_many.relays_needed, 2,
            "one relay is not claimed to take them"
        );
        Ok(())
    }

    #[test]
    fn the_search_stops_at_what_a_publisher_may_send() {
        let best = fill(core_full_at(1_000.0)).expect("carried");
        assert!((best.speed - SPEED_MAX).abs() < 1e-9);
    }
}
