/** What a connection has done, out of `getStats()`. */
export interface MediaStats {
  /** Video frames decoded, all video lines. */
  frames: number;
  /** RTP packets received. */
  packets: number;
  /** Packets missing after repair. */
  lost: number;
  /** Packets the browser's own jitter buffer threw away. */
  discarded: number;
  freezes: number;
  rttMs: number | null;
  packetsSent: number;
  framesSent: number;
  /** Anything heard from the other end, answers to connectivity checks among it: it lives while this grows. */
  heard: number;
}

export const ZERO: MediaStats = {
  frames: 0,
  packets: 0,
  lost: 0,
  discarded: 0,
  freezes: 0,
  rttMs: null,
  packetsSent: 0,
  framesSent: 0,
  heard: 0,
};

type Entry = Record<string, unknown> & { type?: string; kind?: string };
const count = (value: unknown): number => (typeof value === "number" && value > 0 ? value : 0);

/** Sums a report onto the counters of earlier sessions: they run since the page opened. */
export function sum(report: Iterable<Entry>, before: MediaStats = ZERO): MediaStats {
  const total = { ...before, rttMs: null as number | null };
  for (const entry of report) {
    if (entry.type === "inbound-rtp") {
      total.frames += count(entry["framesDecoded"]);
      total.packets += count(entry["packetsReceived"]);
      total.lost += count(entry["packetsLost"]);
      total.discarded += count(entry["packetsDiscarded"]);
      total.freezes += count(entry["freezeCount"]);
    } else if (entry.type === "outbound-rtp") {
      total.packetsSent += count(entry["packetsSent"]);
      total.framesSent += count(entry["framesSent"]);
    } else if (entry.type === "transport") {
      total.heard += count(entry["packetsReceived"]);
    } else if (entry.type === "candidate-pair" && entry["nominated"]) {
      total.heard += count(entry["responsesReceived"]);
      const rtt = entry["currentRoundTripTime"];
      if (typeof rtt === "number") total.rttMs = rtt * 1000;
    }
  }
  return total;
}

export async function readStats(pc: RTCPeerConnection, before: MediaStats): Promise<MediaStats> {
  const report = await pc.getStats();
  return sum(report.values() as Iterable<Entry>, before);
}
