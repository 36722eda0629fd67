/** Keeps one media session up: opens it, notices when it dies, opens it anew; reload is never needed. */
import { signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { Refused } from "../api.ts";
import { backoff, pause } from "../backoff.ts";
import { end, exchange, type Session } from "./exchange.ts";
import { readStats, ZERO, type MediaStats } from "./stats.ts";

/** `refused` waits longer between tries: asking again at once would not change the answer. */
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
  /** "receive" sessions are dead when nothing arrives; what is sent is judged by the connection alone. */
  direction: "send" | "receive";
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

/** A first packet may take a keyframe's wait; a relay that restarts is back in about as long. */
const FIRST_PACKET_MS_MAX = 8000;
const SILENCE_MS_MAX = 4000;
const LOOK_MS = 500;

export function keep(options: KeeperOptions): Keeper {
  const phase = signal<Phase>("connecting");
  const stats = signal<MediaStats>(ZERO);
  const pc = signal<RTCPeerConnection | null>(null);
  const stopping = new AbortController();
  let round = new AbortController();

  const run = async () => {
    for (let attempt = 0; !stopping.signal.aborted; attempt++) {
      round = new AbortController();
      const flowed = await session(
        options,
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
  phase: Signal<Phase>,
  stats: Signal<MediaStats>,
  shown: Signal<RTCPeerConnection | null>,
  stop: AbortSignal,
): Promise<boolean | number> {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const before = stats.peek();
  let opened: Session | null = null;
  const leave = () => opened && end(opened);
  addEventListener("pagehide", leave);
  try {
    const grant = await options.grant();
    if (!grant || stop.aborted) return false;
    options.prepare(pc);
    opened = await exchange(pc, grant.url, grant.token);
    shown.value = pc;
    return await watch(pc, options.direction, before, phase, stats, stop);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) await options.onUnauthorised?.();
    return error instanceof Refused && error.retryAfterS ? Math.min(error.retryAfterS, 30) : false;
  } finally {
    removeEventListener("pagehide", leave);
    if (opened) end(opened);
    shown.value = null;
    pc.close();
  }
}

/** Looks at the connection until it dies or `stop`; says whether media flowed. */
async function watch(
  pc: RTCPeerConnection,
  direction: "send" | "receive",
  before: MediaStats,
  phase: Signal<Phase>,
  stats: Signal<MediaStats>,
  stop: AbortSignal,
): Promise<boolean> {
  const started = performance.now();
  let flowed = false;
  let lastCount = 0;
  let lastMove = started;
  while (!stop.aborted) {
    const now = performance.now();
    stats.value = await readStats(pc, before);
    const count = direction === "receive" ? stats.value.packets : stats.value.packetsSent;
    if (count > lastCount) lastMove = now;
    flowed ||= count > (direction === "receive" ? before.packets : before.packetsSent);
    lastCount = count;
    const connected = pc.connectionState === "connected";
    if (pc.connectionState === "failed" || pc.connectionState === "closed") return flowed;
    const silent = now - lastMove > (flowed ? SILENCE_MS_MAX : FIRST_PACKET_MS_MAX);
    if (silent && (direction === "receive" || !connected)) return flowed;
    const flowing = connected && flowed && now - lastMove < SILENCE_MS_MAX / 2;
    phase.value = flowing ? "flowing" : connected ? "waiting" : "connecting";
    await pause(LOOK_MS, stop);
  }
  return flowed;
}
