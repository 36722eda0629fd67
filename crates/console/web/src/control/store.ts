/** The conference on screen, kept true by the live stream. */
import { computed, signal } from "@preact/signals";
import { connect, type Link } from "../socket.ts";
import type { ConferenceView } from "../protocol/ConferenceView.ts";
import type { Live } from "../protocol/Live.ts";
import type { RelayView } from "../protocol/RelayView.ts";
import { alarms, missing } from "./alarms.ts";
import { Tree } from "./tree.ts";

type Head = Pick<ConferenceView, "id" | "title" | "sitting" | "totals">;

export class Store {
  readonly head = signal<Head | null>(null);
  readonly relays = signal<ReadonlyMap<string, RelayView>>(new Map());
  readonly selected = signal<string | null>(null);
  /** Rises when the tree changed: the tree itself is large and changes in place. */
  readonly version = signal(0);
  tree = new Tree([]);
  readonly link: Link;

  readonly alarms = computed(() => (this.version.value, alarms(this.tree, this.relays.value.values())));
  readonly missing = computed(() => (this.version.value, missing(this.tree)));
  readonly tallies = computed(() => (this.version.value, this.tree.tallies()));
  /** The node changes in place, so the site goes along: without it nothing would seem to have changed. */
  readonly chosen = computed(() => {
    this.version.value;
    const node = this.selected.value === null ? undefined : this.tree.nodes.get(this.selected.value);
    return node ? { node, site: node.site } : null;
  });

  constructor(conference: string, onRefused: () => Promise<void>) {
    this.link = connect({
      path: `/api/conferences/${encodeURIComponent(conference)}/live`,
      onMessage: (message) => this.apply(message as Live),
      onRefused,
    });
  }

  apply(message: Live): void {
    if (message.type === "snapshot") {
      this.tree = new Tree(message.sites);
      this.relays.value = new Map(message.relays.map((relay) => [relay.id, relay]));
      this.head.value = message;
      this.version.value += 1;
      return;
    }
    const head = this.head.value;
    if (!head) return;
    if (message.sitting || message.totals) {
      this.head.value = {
        ...head,
        sitting: message.sitting ?? head.sitting,
        totals: message.totals ?? head.totals,
      };
    }
    if (message.relays.length > 0) {
      const relays = new Map(this.relays.value);
      for (const relay of message.relays) relays.set(relay.id, relay);
      this.relays.value = relays;
    }
    if (message.sites.length > 0) {
      this.tree.apply(message.sites);
      this.version.value += 1;
    }
  }
}
