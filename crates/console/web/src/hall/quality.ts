/** The line in plain words, out of two looks at the counters. Pure. */
import type { MediaStats } from "../media/stats.ts";
import type { Phase } from "../media/keeper.ts";

export type Quality =
  "good" | "weak" | "slow" | "none" | "connecting" | "no-relay" | "no-server" | "not-sent";

export interface Look {
  phase: Phase;
  hasRelay: boolean;
  serverOpen: boolean;
  /** `null`: this hall sends nothing. */
  sending: Phase | null;
  before: MediaStats;
  now: MediaStats;
}

/** A viewer sees stutter above this share of lost packets. */
const LOSS_WEAK = 0.02;
/** Above this a conversation trips over itself. */
const RTT_SLOW_MS = 400;

/** What is worst for the hall comes first: no relay, no program, then what only the control room misses. */
export function quality(look: Look): Quality {
  if (!look.hasRelay) return look.serverOpen ? "no-relay" : "no-server";
  if (look.phase !== "flowing") {
    return look.phase === "retrying" || look.now.packets > 0 ? "none" : "connecting";
  }
  if (!look.serverOpen) return "no-server";
  if (look.sending === "retrying") return "not-sent";
  const received = look.now.packets - look.before.packets;
  const lost = look.now.lost - look.before.lost;
  if (look.now.freezes > look.before.freezes || (received > 0 && lost / (lost + received) > LOSS_WEAK))
    return "weak";
  if ((look.now.rttMs ?? 0) > RTT_SLOW_MS) return "slow";
  return "good";
}
