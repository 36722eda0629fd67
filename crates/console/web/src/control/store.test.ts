import { effect } from "@preact/signals";
import { afterEach, expect, test, vi } from "vitest";
import { conference } from "../../dev/fixture.ts";
import type { Live } from "../protocol/Live.ts";
import type { SiteView } from "../protocol/SiteView.ts";
import { Store } from "./store.ts";

/** A socket that never opens: messages are handed to the store by the test. */
class Silence {
  static readonly OPEN = 1;
  close(): void {}
}

function opened(): Store {
  vi.stubGlobal("WebSocket", Silence);
  vi.stubGlobal("location", { href: "http://127.0.0.1/control/thanh-hoa" });
  const store = new Store("thanh-hoa", async () => {});
  store.apply({ type: "snapshot", ...conference(55, { bad: 0, reported: 1 }) });
  return store;
}

afterEach(() => vi.unstubAllGlobals());

const site = (store: Store, code: string): SiteView => store.tree.nodes.get(code)!.site;
const changed = (sites: SiteView[]): Live => ({
  type: "changed",
  sitting: null,
  totals: null,
  sites,
  relays: [],
});

test("the selected site follows its changes", () => {
  const store = opened();
  store.selected.value = "DT-19";
  const seen: string[] = [];
  const stop = effect(() => void seen.push(store.chosen.value?.site.link.state ?? "none"));
  const dt19 = site(store, "DT-19");
  store.apply(changed([{ ...dt19, link: { ...dt19.link, state: "lost" } }]));
  stop();
  expect(seen).toEqual(["ok", "lost"]);
  expect(store.alarms.value.map((alarm) => alarm.node?.site.code)).toEqual(["DT-19"]);
});

test("a change of the sitting alone leaves the totals", () => {
  const store = opened();
  const { totals, sitting } = store.head.value!;
  store.apply({ ...changed([]), sitting: { ...sitting, state: "closed", next: [] } } as Live);
  expect(store.head.value).toMatchObject({ totals, sitting: { state: "closed" } });
});

test("a change before the first snapshot is nothing to go by", () => {
  const store = opened();
  store.head.value = null;
  const dt19 = site(store, "DT-19");
  store.apply(changed([{ ...dt19, name: "?" }]));
  expect(site(store, "DT-19").name).toBe(dt19.name);
});
