/** Keeps one media session up: opens it, notices when it dies, opens it anew; reload is never needed. */
import { effect, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { Refused } from "../api.ts";
import { backoff, pause } from "../backoff.ts";
import { end, exchange, type Session } from "./exchange.ts";
import { choose, withLayer, type Layer } from "./layers.ts";
import { Mender } from "./mender.ts";
import { Servers } from "./servers.ts";
import { readStats, ZERO, type MediaStats } from "./stats.ts";

export type Phase = "connecting" | "waiting" | "flowing" | "retrying" | "stopped";

export interface Grant {
  url: string;
  token: string;
}

export interface KeeperOptions {
  /** Where to connect, asked before every try; `null` while there is nowhere. */
  grant: () => Promise<Grant | null>;
  /** Adds the media lines to a fresh connection. */
  prepare: (pc: RTCPeerConnection) => void;
  /** What counts as media flowing. */
  direction: "send" | "receive";
  /** How good a picture is wanted; the relay is told of every change. */
  layer?: ReadonlySignal<Layer>;
  /** Called when the relay refuses the token (401). */
  onUnauthorised?: () => Promise<void> | void;
}

export interface Keeper {
  readonly phase: ReadonlySignal<Phase>;
  /** Counters since the page opened, over all sessions so far. */
  readonly stats: ReadonlySignal<MediaStats>;
  readonly pc: ReadonlySignal<RTCPeerConnection | null>;
  restart(): void;
  stop(): void;
}

/** A relay that says nothing at all for so long is gone: it answers checks at least every 2.5 s. */
const DEAD_MS = 6000;
/** The same, when its media has stopped as well. */
const DEAD_SILENT_MS = 4000;
/** A relay that lives and sends no media most likely has none; now and then a fresh session is worth a try. */
const EMPTY_MS_MAX = 20_000;
/** Shorter gaps are the next picture being late, not a picture that is gone. */
const GAP_MS = 2000;
const LOOK_MS = 500;

export function keep(options: KeeperOptions): Keeper {
  const phase = signal<Phase>("connecting");
  const stats = signal<MediaStats>(ZERO);
  const pc = signal<RTCPeerConnection | null>(null);
  const stopping = new AbortController();
  const servers = new Servers();
  let round = new AbortController();

  const run = async () => {
    for (let attempt = 0; !stopping.signal.aborted; attempt++) {
      round = new AbortController();
      const flowed = await session(
        options,
        servers,
        phase,
        stats,
        pc,
        AbortSignal.any([stopping.signal, round.signal]),
      );
      if (stopping.signal.aborted) break;
      if (flowed) attempt = 0;
      phase.value = "retrying";
      const asked = typeof flowed === "number" ? flowed * 1000 : 0;
      if (!round.signal.aborted) {
        await pause(Math.max(asked, backoff(attempt)), AbortSignal.any([stopping.signal, round.signal]));
      }
    }
    phase.value = "stopped";
  };
  void run();

  return { phase, stats, pc, restart: () => round.abort(), stop: () => stopping.abort() };
}

/** One session from start to end. True: media flowed. A number: the relay asked to wait so many seconds. */
async function session(
  options: KeeperOptions,
  servers: Servers,
  phase: Signal<Phase>,
  stats: Signal<MediaStats>,
  shown: Signal<RTCPeerConnection | null>,
  stop: AbortSignal,
): Promise<boolean | number> {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: servers.known });
  const before = stats.peek();
  let opened: Session | null = null;
  let mender: Mender | null = null;
  let follow = () => {};
  const leave = () => void (opened && end(opened));
  addEventListener("pagehide", leave);
  try {
    const grant = await options.grant();
    if (!grant || stop.aborted) return false;
    options.prepare(pc);
    const layer = options.layer;
    const asked = layer?.peek();
    opened = await exchange(pc, asked ? withLayer(grant.url, asked) : grant.url, grant.token);
    shown.value = pc;
    await servers.meet(pc, opened);
    if (layer) follow = followLayer(opened, layer, asked);
    mender = new Mender(pc, opened);
    return await watch(pc, mender, options.direction, before, phase, stats, stop);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) await options.onUnauthorised?.();
    return error instanceof Refused && error.retryAfterS ? Math.min(error.retryAfterS, 30) : false;
  } finally {
    removeEventListener("pagehide", leave);
    follow();
    mender?.close();
    shown.value = null;
    // The relay is told first: closing says goodbye by itself, and the session to end would be gone.
    if (opened) void end(opened).finally(() => pc.close());
    else pc.close();
  }
}

/** Tells the relay of every other layer wanted; returns what ends that. */
function followLayer(session: Session, layer: ReadonlySignal<Layer>, asked: Layer | undefined): () => void {
  let told = asked;
  return effect(() => {
    if (layer.value === told) return;
    told = layer.value;
    void choose(session, told);
  });
}

/** Looks at the connection until it dies or `stop`; says whether media flowed. */
async function watch(
  pc: RTCPeerConnection,
  mender: Mender,
  direction: "send" | "receive",
  before: MediaStats,
  phase: Signal<Phase>,
  stats: Signal<MediaStats>,
  stop: AbortSignal,
): Promise<boolean> {
  const media = (of: MediaStats) => (direction === "receive" ? of.packets : of.packetsSent);
  let last = before;
  let moved = performance.now();
  let heard = moved;
  let flowed = false;
  while (!stop.aborted) {
    const seen = await readStats(pc, before);
    const now = performance.now();
    if (media(seen) > media(last)) moved = now;
    // Less than before is news as well: the counters of a new path begin at zero.
    if (seen.heard !== last.heard) {
      heard = now;
      mender.heard();
    }
    flowed ||= media(seen) > media(before);
    last = stats.value = seen;

    const silent = now - moved;
    const mended = await mender.mend(now);
    if (mended !== null) {
      if (mended) heard = performance.now();
      continue;
    }
    const dead =
      now - heard > (direction === "receive" && silent > DEAD_SILENT_MS ? DEAD_SILENT_MS : DEAD_MS);
    if (pc.connectionState === "closed" || mender.isHopeless(now) || dead) return flowed;
    if (direction === "receive" && silent > EMPTY_MS_MAX) return flowed;

    const connected = pc.connectionState === "connected";
    phase.value = connected && flowed && silent < GAP_MS ? "flowing" : connected ? "waiting" : "connecting";
    await pause(LOOK_MS, stop);
  }
  return flowed;
}
