/** What needs a hand, out of the state of the sites: one alarm for a lost branch, on its parent. Pure. */
import type { RelayView } from "../protocol/RelayView.ts";
import type { Node, Tree } from "./tree.ts";

/** Worst first; also the order of several reasons at one site, of which the first is shown. */
const ORDER = [
  "relay_lost",
  "branch_lost",
  "lost",
  "no_program",
  "frozen",
  "no_picture",
  "loss",
  "slow",
  "unsteady",
] as const;

export type AlarmKind = (typeof ORDER)[number];

export interface Alarm {
  kind: AlarmKind;
  /** The site to call; `null` for a relay. */
  node: Node | null;
  relay: string | null;
  /** Sites in a lost branch. */
  sites: number;
  /** Since when, milliseconds since the Unix epoch. */
  sinceMs: number;
}

export function alarms(tree: Tree, relays: Iterable<RelayView>): Alarm[] {
  const found: Alarm[] = [];
  for (const relay of relays) {
    if (relay.state !== "lost") continue;
    found.push({ kind: "relay_lost", node: null, relay: relay.id, sites: relay.halls, sinceMs: 0 });
  }
  const visit = (node: Node) => {
    const lost = lostBranch(node);
    if (lost > 0) {
      found.push({ kind: "branch_lost", node, relay: null, sites: lost, sinceMs: node.site.link.since_ms });
      return;
    }
    const kind = ownAlarm(node);
    if (kind) found.push({ kind, node, relay: null, sites: 1, sinceMs: node.site.link.since_ms });
    node.children.forEach(visit);
  };
  tree.roots.forEach(visit);
  return found.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || a.sinceMs - b.sinceMs);
}

/** How many sites a branch has lost when the whole of it is gone: nothing in it works, at least two were there. */
function lostBranch(node: Node): number {
  if (node.children.length === 0 || node.site.link.state !== "lost") return 0;
  const lost = node.below.lost + 1;
  return node.below.ok === 0 && node.below.degraded === 0 && lost >= 2 ? lost : 0;
}

function ownAlarm(node: Node): AlarmKind | null {
  const link = node.site.link;
  if (link.state === "lost") return "lost";
  if (link.state !== "degraded") return null;
  // A line that has only just come back is still called poor, without a reason.
  return ORDER.find((kind) => link.reasons.includes(kind)) ?? "unsteady";
}

/** Who is missing, and how: the three lists a technician works down before the opening. */
export function missing(tree: Tree): { notJoined: Node[]; notReported: Node[] } {
  const notJoined: Node[] = [];
  const notReported: Node[] = [];
  for (const node of tree.nodes.values()) {
    if (!node.site.counted) continue;
    if (node.site.link.state === "not_joined") notJoined.push(node);
    if (node.site.counts === null) notReported.push(node);
  }
  return { notJoined, notReported };
}
