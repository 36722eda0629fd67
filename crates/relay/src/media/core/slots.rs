//! What fills the slots: the plan, its fallback, and mix-minus.

use super::Core;
use super::arrival::router_codec;
use super::leg::{Purpose, Watcher};
use crate::media::{Codec, Layer, LegId, SlotPurpose, SlotSsrcs, WatchSlot};
use forwarding::{Mid, PayloadTypes, Rtx, SlotExtensions, SlotSpec, SourceId};
use protocol::{LegRole, MediaKind};
use std::time::{Duration, Instant};

/// A source that came back must have lived this long before it takes the program back: a flapping line shows one
/// switch, not ten.
const RETURN_AFTER: Duration = Duration::from_secs(2);

/// What program and floor are now, at this relay.
#[derive(Default)]
pub(super) struct OnAir {
    program: Option<SourceId>,
    floor: Option<SourceId>,
    /// Since when each source of the plan's program list has lived, in the plan's order.
    alive_since: Vec<(SourceId, Option<Instant>)>,
}

impl Core {
    /// Follows plan and silence; tells the router what changed.
    pub(super) fn point_slots(&mut self, now: Instant) {
        let before = (self.on_air.program, self.on_air.floor);
        self.choose_program(now);
        self.on_air.floor = self
            .plan
            .as_ref()
            .and_then(|plan| plan.floor.clone())
            .map(|site| self.sources.id(&site));
        // A leg that connects meanwhile is pointed by itself.
        if before == (self.on_air.program, self.on_air.floor) {
            return;
        }
        let watchers: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| matches!(leg.purpose, Purpose::Watch(_)))
            .map(|(id, _)| *id)
            .collect();
        for id in watchers {
            self.point_leg(id);
        }
    }

    /// The first of the plan's program sources that lives; while none does, the one on screen stays.
    fn choose_program(&mut self, now: Instant) {
        let wanted = self
            .plan
            .as_ref()
            .map(|plan| plan.program.clone())
            .unwrap_or_default();
        let mut sources = Vec::with_capacity(wanted.len());
        for site in &wanted {
            let source = self.sources.id(site);
            let before = self
                .on_air
                .alive_since
                .iter()
                .find(|(known, _)| *known == source)
                .and_then(|(_, at)| *at);
            let since = self.is_alive(source, now).then(|| before.unwrap_or(now));
            sources.push((source, since));
        }
        let current = self
            .on_air
            .program
            .filter(|current| sources.iter().any(|(source, _)| source == current));
        let current_lives = current
            .is_some_and(|current| sources.iter().any(|(s, at)| *s == current && at.is_some()));
        let settled = |at: Instant| now.saturating_duration_since(at) >= RETURN_AFTER;
        let best = sources
            .iter()
            .find(|(source, since)| {
                since.is_some_and(|at| !current_lives || current == Some(*source) || settled(at))
            })
            .map(|(source, _)| *source);
        let program = best
            .or(current)
            .or_else(|| sources.first().map(|(source, _)| *source));
        if program != self.on_air.program {
            let site = program.and_then(|source| self.sources.name(source));
            tracing::info!(site = site.map(protocol::SiteCode::as_str), "program");
            self.on_air.program = program;
            self.version += 1;
        }
        self.on_air.alive_since = sources;
    }

    fn is_alive(&self, source: SourceId, now: Instant) -> bool {
        self.streams_of(source)
            .any(|stream| self.rate_of(stream, now).is_some())
    }

    /// Points the slots of one leg, those that change.
    pub(super) fn point_leg(&mut self, id: LegId) {
        let (program, floor) = (self.on_air.program, self.on_air.floor);
        let own = match self.legs.get(&id).map(|leg| &leg.purpose) {
            Some(Purpose::Watch(watcher)) => {
                watcher.site.clone().map(|site| self.sources.id(&site))
            }
            _ => return,
        };
        if !self.shards.is_connected(id) {
            return;
        }
        let Some(Purpose::Watch(watcher)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return;
        };
        for (index, slot) in watcher.slots.iter().enumerate() {
            let wanted = wanted(watcher.role, slot.purpose, program, floor, own);
            let Some(pointed) = watcher.pointed.get_mut(index) else {
                continue;
            };
            if *pointed != wanted && self.shards.point(id, index, wanted).is_ok() {
                *pointed = wanted;
                self.demand_due = true;
            }
        }
    }

    /// The best layer a watcher wants in a slot from now on.
    pub(super) fn set_layer(&mut self, id: LegId, slot: usize, layer: Layer) {
        let Some(Purpose::Watch(watcher)) = self.legs.get_mut(&id).map(|leg| &mut leg.purpose)
        else {
            return;
        };
        if let Some(spec) = watcher.slots.get_mut(slot) {
            // For a leg that has yet to connect too.
            spec.layer_max = layer;
            self.shards.set_layer_max(id, slot, layer);
            self.demand_due = true;
        }
    }

    /// Does a slot send under this SSRC?
    pub(super) fn slot_has(&self, ssrc: u32) -> bool {
        self.legs.values().any(|leg| match &leg.purpose {
            Purpose::Watch(watcher) => watcher
                .ssrcs
                .iter()
                .any(|slot| slot.ssrc == ssrc || slot.rtx == Some(ssrc)),
            _ => false,
        })
    }
}

/// What a slot should show. A hall never gets back what it publishes, and no leg gets one source twice: the second
/// copy of its sound would be an echo.
fn wanted(
    role: LegRole,
    purpose: SlotPurpose,
    program: Option<SourceId>,
    floor: Option<SourceId>,
    own: Option<SourceId>,
) -> Option<SourceId> {
    let source = match (role, purpose) {
        (LegRole::Return, SlotPurpose::Program) => return own,
        (LegRole::Return, SlotPurpose::Floor) => return None,
        (_, SlotPurpose::Program) => program,
        (_, SlotPurpose::Floor) => floor.filter(|floor| Some(*floor) != program),
    };
    source.filter(|source| role != LegRole::Watch || Some(*source) != own)
}

/// The slots of a leg in the router's words.
pub(super) fn specs(watcher: &Watcher) -> Vec<SlotSpec> {
    let slots = watcher.slots.iter().zip(&watcher.ssrcs);
    slots.map(|(slot, ssrcs)| spec(slot, *ssrcs)).collect()
}

fn spec(slot: &WatchSlot, ssrcs: SlotSsrcs) -> SlotSpec {
    let ids = slot.extensions;
    SlotSpec {
        kind: match slot.kind {
            MediaKind::Audio => forwarding::Kind::Audio,
            MediaKind::Video => forwarding::Kind::Video,
        },
        ssrc: ssrcs.ssrc,
        payload_types: payload_types(&slot.payload_types),
        rtx: ssrcs.rtx.map(|ssrc| Rtx {
            ssrc,
            payload_types: payload_types(&slot.rtx_payload_types),
        }),
        extensions: SlotExtensions {
            mid: ids.mid.zip(Mid::new(slot.mid.as_bytes())),
            audio_level: ids.audio_level,
            transport_sequence: ids.transport_sequence,
            dependency_descriptor: ids.dependency_descriptor,
        },
        layer_max: slot.layer_max,
    }
}

fn payload_types(numbers: &[(Codec, u8)]) -> PayloadTypes {
    let named = numbers.iter();
    named
        .map(|(codec, number)| (router_codec(*codec), *number))
        .collect()
}
