import { expect, test } from "vitest";
import { conference } from "../../dev/fixture.ts";
import type { LinkState } from "../protocol/LinkState.ts";
import { alarms, missing } from "./alarms.ts";
import { Tree } from "./tree.ts";

function hallsWith(state: LinkState, matches: (code: string) => boolean, reasons: string[] = []): Tree {
  const { sites } = conference(55, { bad: 0, reported: 1 });
  return new Tree(
    sites.map((site) => (matches(site.code) ? { ...site, link: { ...site.link, state, reasons } } : site)),
  );
}

test("a lost branch is one alarm, on its parent", () => {
  const tree = hallsWith("lost", (code) => code === "TPTH-04" || code.startsWith("DT-"));
  const found = alarms(tree, []);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ kind: "branch_lost", sites: 20 });
  expect(found[0]?.node?.site.code).toBe("TPTH-04");
});

test("a hub lost by itself leaves its halls alone", () => {
  const found = alarms(
    hallsWith("lost", (code) => code === "TPTH-04"),
    [],
  );
  expect(found.map((alarm) => [alarm.kind, alarm.node?.site.code])).toEqual([["lost", "TPTH-04"]]);
});

test("the worst of several reasons is the alarm", () => {
  const found = alarms(
    hallsWith("degraded", (code) => code === "DT-03", ["slow", "no_program"]),
    [],
  );
  expect(found.map((alarm) => alarm.kind)).toEqual(["no_program"]);
});

test.each([
  [["loss", "frozen"], "frozen"],
  [[], "unsteady"],
  [["a reason of a later server"], "unsteady"],
])("a poor line with the reasons %o is told as %s", (reasons, kind) => {
  const found = alarms(
    hallsWith("degraded", (code) => code === "DT-03", reasons),
    [],
  );
  expect(found.map((alarm) => alarm.kind)).toEqual([kind]);
});

test("a lost relay comes before its halls", () => {
  const { relays } = conference(55, { bad: 0, reported: 1 });
  const lost = relays.map((relay) => (relay.id === "ward" ? { ...relay, state: "lost" as const } : relay));
  const found = alarms(
    hallsWith("degraded", (code) => code === "DT-03", ["loss"]),
    lost,
  );
  expect(found.map((alarm) => alarm.kind)).toEqual(["relay_lost", "loss"]);
});

test("who has not joined and who has not reported; the root that only feeds is neither", () => {
  const tree = hallsWith("not_joined", (code) => code === "DT-07" || code === "TINHUY-TH");
  const quiet = tree.nodes.get("DT-08")!;
  tree.apply([{ ...quiet.site, counts: null }]);
  const { notJoined, notReported } = missing(tree);
  expect(notJoined.map((node) => node.site.code)).toEqual(["DT-07"]);
  expect(notReported.map((node) => node.site.code)).toEqual(["DT-08"]);
});
