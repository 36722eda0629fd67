/** The tree of sites as the control room reads it: branches rolled up, worst first, searched, folded. Pure. */
import { fold } from "../fold.ts";
import type { LinkState } from "../protocol/LinkState.ts";
import type { SiteView } from "../protocol/SiteView.ts";
import type { Totals } from "../protocol/Totals.ts";

export const STATES: readonly LinkState[] = ["lost", "degraded", "not_joined", "ok"];

export type Tallies = Record<LinkState, number>;

export interface Node {
  site: SiteView;
  /** 0 is the root. */
  depth: number;
  parent: Node | null;
  children: Node[];
  /** Place in the import, which keeps equals in order. */
  order: number;
  /** Sites below by state, this one not among them. */
  below: Tallies;
  /** The worst of this site and all below. */
  worst: LinkState;
  /** What a search looks in. */
  folded: string;
}

export interface View {
  query: string;
  filter: LinkState | null;
  worstFirst: boolean;
  closed: ReadonlySet<string>;
}

export interface Row {
  node: Node;
  /** Shown only because something below it matches. */
  context: boolean;
  open: boolean;
  /** Its place among the rows that share its parent, from 1, and how many they are: most rows are not in the page. */
  place: number;
  siblings: number;
}

export class Tree {
  readonly nodes = new Map<string, Node>();
  roots: Node[] = [];
  /** Children after their parents; a reverse walk sums a branch before its parent. */
  private ordered: Node[] = [];

  constructor(sites: readonly SiteView[]) {
    sites.forEach((site, order) => this.nodes.set(site.code, fresh(site, order)));
    this.hang();
  }

  /** Replaces sites by their namesakes; what hangs where is worked out again only when that changed. */
  apply(sites: readonly SiteView[]): void {
    let moved = false;
    for (const site of sites) {
      const node = this.nodes.get(site.code);
      if (!node) {
        this.nodes.set(site.code, fresh(site, this.nodes.size));
        moved = true;
      } else {
        moved ||= node.site.uplink !== site.uplink;
        if (node.site.name !== site.name) node.folded = fold(`${site.name} ${site.code}`);
        node.site = site;
      }
    }
    if (moved) this.hang();
    else this.rollUp();
  }

  private hang(): void {
    this.roots = [];
    for (const node of this.nodes.values()) {
      node.children = [];
      node.parent = null;
    }
    for (const node of this.nodes.values()) {
      const parent = node.site.uplink === null ? undefined : this.nodes.get(node.site.uplink);
      if (parent && parent !== node) {
        node.parent = parent;
        parent.children.push(node);
      } else {
        this.roots.push(node);
      }
    }
    this.ordered = [];
    const pending = [...this.roots].reverse();
    for (let node = pending.pop(); node; node = pending.pop()) {
      node.depth = node.parent ? node.parent.depth + 1 : 0;
      this.ordered.push(node);
      pending.push(...node.children.toReversed());
    }
    this.rollUp();
  }

  private rollUp(): void {
    for (const node of this.ordered) {
      node.below = { lost: 0, degraded: 0, not_joined: 0, ok: 0 };
      node.worst = node.site.link.state;
    }
    for (let i = this.ordered.length - 1; i >= 0; i--) {
      const node = this.ordered[i]!;
      const parent = node.parent;
      if (!parent) continue;
      parent.below[node.site.link.state] += 1;
      for (const state of STATES) parent.below[state] += node.below[state];
      if (STATES.indexOf(node.worst) < STATES.indexOf(parent.worst)) parent.worst = node.worst;
    }
  }

  tallies(): Tallies {
    const all: Tallies = { lost: 0, degraded: 0, not_joined: 0, ok: 0 };
    for (const node of this.ordered) all[node.site.link.state] += 1;
    return all;
  }

  /** Every site, the worst first. */
  worstFirst(): Node[] {
    return this.ordered.filter((node) => node.site.counted).sort(bySiteWorst);
  }

  /** Every hub; the one that waits for most reports first, which puts a hub above those below it. */
  branches(): Node[] {
    const waiting = ({ site }: Node) => site.subtree.sites - site.subtree.sites_reported;
    return this.ordered.filter((node) => node.children.length > 0).sort((a, b) => waiting(b) - waiting(a));
  }

  /** The rows on screen from top to bottom, and how many sites match the search. */
  rows(view: View): { rows: Row[]; found: number } {
    const wanted = this.wanted(view);
    const rows: Row[] = [];
    const visit = (nodes: Node[]) => {
      const shown = wanted ? nodes.filter((node) => wanted.kept.has(node)) : nodes;
      const sorted = view.worstFirst ? shown.toSorted(byBranchWorst) : shown;
      for (const [index, node] of sorted.entries()) {
        // A search opens what it needs to show its finds.
        const open = node.children.length > 0 && (wanted !== null || !view.closed.has(node.site.code));
        const context = wanted !== null && !wanted.found.has(node);
        rows.push({ node, context, open, place: index + 1, siblings: sorted.length });
        if (open) visit(node.children);
      }
    };
    visit(this.roots);
    return { rows, found: wanted ? wanted.found.size : this.nodes.size };
  }

  private wanted(view: View): { found: Set<Node>; kept: Set<Node> } | null {
    const query = fold(view.query);
    if (query === "" && view.filter === null) return null;
    const found = new Set<Node>();
    const kept = new Set<Node>();
    for (const node of this.ordered) {
      if (view.filter !== null && node.site.link.state !== view.filter) continue;
      if (query !== "" && !node.folded.includes(query)) continue;
      found.add(node);
      for (let up: Node | null = node; up && !kept.has(up); up = up.parent) kept.add(up);
    }
    return { found, kept };
  }
}

function fresh(site: SiteView, order: number): Node {
  const below = { lost: 0, degraded: 0, not_joined: 0, ok: 0 };
  const folded = fold(`${site.name} ${site.code}`);
  return { site, depth: 0, parent: null, children: [], order, below, worst: site.link.state, folded };
}

/** Present of expected over the sites that have reported, percent; `null` while nobody has. */
export function attendanceRate(sums: Totals): number | null {
  const known = sums.present + sums.absent_excused + sums.absent_unexcused + sums.unclassified;
  return known > 0 ? (sums.present / known) * 100 : null;
}

function byBranchWorst(a: Node, b: Node): number {
  const rank = STATES.indexOf(a.worst) - STATES.indexOf(b.worst);
  if (rank !== 0) return rank;
  const state = a.worst;
  const own = (node: Node) => node.below[state] + (node.site.link.state === state ? 1 : 0);
  // Of two good branches neither is worse: they keep the order of the import.
  return (state === "ok" ? 0 : own(b) - own(a)) || a.order - b.order;
}

function bySiteWorst(a: Node, b: Node): number {
  const rank = STATES.indexOf(a.site.link.state) - STATES.indexOf(b.site.link.state);
  if (rank !== 0) return rank;
  return b.site.link.loss_percent - a.site.link.loss_percent || a.order - b.order;
}
