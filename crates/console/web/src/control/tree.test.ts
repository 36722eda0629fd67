import { expect, test } from "vitest";
import { conference, NO_TOTALS, rollUp } from "../../dev/fixture.ts";
import type { LinkState } from "../protocol/LinkState.ts";
import type { SiteView } from "../protocol/SiteView.ts";
import { attendanceRate, Tree, type View } from "./tree.ts";

const ALL: View = { query: "", filter: null, worstFirst: false, closed: new Set() };

function thanhHoa(): SiteView[] {
  return conference(55, { bad: 0, reported: 1 }).sites;
}

function withState(sites: SiteView[], codes: string[], state: LinkState): SiteView[] {
  return sites
    .filter((site) => codes.includes(site.code))
    .map((site) => ({ ...site, link: { ...site.link, state } }));
}

const codes = (tree: Tree, view: Partial<View>) =>
  tree.rows({ ...ALL, ...view }).rows.map((row) => row.node.site.code);

test("the whole tree stands in the order of the import", () => {
  const tree = new Tree(thanhHoa());
  const shown = codes(tree, {});
  expect(shown).toHaveLength(56);
  expect(shown.slice(0, 5)).toEqual(["TINHUY-TH", "TPTH-01", "TPTH-03", "TPTH-04", "DT-01"]);
});

test("a folded branch hides what is below it and still says what it hides", () => {
  const tree = new Tree(thanhHoa());
  tree.apply(withState(thanhHoa(), ["DT-05", "DT-06"], "lost"));
  const shown = codes(tree, { closed: new Set(["TPTH-04"]) });
  expect(shown).not.toContain("DT-01");
  expect(tree.nodes.get("TPTH-04")?.below).toEqual({ lost: 2, degraded: 0, not_joined: 0, ok: 17 });
  expect(tree.nodes.get("TINHUY-TH")?.worst).toBe("lost");
});

test("worst first brings a lost street up, and its branch with it", () => {
  const tree = new Tree(thanhHoa());
  tree.apply(withState(thanhHoa(), ["DT-19"], "lost"));
  expect(codes(tree, { worstFirst: true }).slice(0, 4)).toEqual(["TINHUY-TH", "TPTH-01", "TPTH-04", "DT-19"]);
  tree.apply(withState(thanhHoa(), ["DT-19"], "ok"));
  expect(codes(tree, { worstFirst: true }).slice(0, 3)).toEqual(["TINHUY-TH", "TPTH-01", "TPTH-03"]);
});

test("a search needs no diacritics and opens folded branches", () => {
  const tree = new Tree(thanhHoa());
  const view = { ...ALL, query: "dong tho", closed: new Set(["TPTH-01", "TPTH-04"]) };
  const { rows, found } = tree.rows(view);
  expect(found).toBe(2);
  const named = rows.filter((row) => !row.context).map((row) => row.node.site.name);
  expect(named).toEqual(["Điểm cầu Phường Đông Thọ (điểm cầu chủ)", "Nhà văn hóa phố Chợ Đông Thọ"]);
});

test("a filter by state shows matching sites and the way to them", () => {
  const tree = new Tree(thanhHoa());
  tree.apply(withState(thanhHoa(), ["DT-02"], "not_joined"));
  expect(codes(tree, { filter: "not_joined" })).toEqual(["TINHUY-TH", "TPTH-01", "TPTH-04", "DT-02"]);
});

test("a site that moves under another hub is found there", () => {
  const tree = new Tree(thanhHoa());
  const moved = { ...thanhHoa().find((site) => site.code === "DT-01")!, uplink: "TPTH-02" };
  tree.apply([moved]);
  expect(tree.nodes.get("TPTH-02")?.children.map((node) => node.site.code)).toEqual(["DT-01"]);
  expect(tree.nodes.get("TPTH-04")?.children).toHaveLength(18);
});

test("a row says its place among its siblings, of which most are not in the page", () => {
  const { rows } = new Tree(thanhHoa()).rows(ALL);
  const places = (code: string) => {
    const row = rows.find(({ node }) => node.site.code === code)!;
    return [row.place, row.siblings];
  };
  expect([places("TINHUY-TH"), places("DT-01"), places("DT-19")]).toEqual([
    [1, 1],
    [1, 19],
    [19, 19],
  ]);
});

test("the branch that waits for most reports comes first, a hub before those below it", () => {
  const silent = thanhHoa().map((site) => (/^DT-0[1-5]$/.test(site.code) ? { ...site, counts: null } : site));
  rollUp(silent);
  const branches = new Tree(silent).branches();
  expect(branches.map(({ site }) => [site.code, site.subtree.sites - site.subtree.sites_reported])).toEqual([
    ["TINHUY-TH", 5],
    ["TPTH-01", 5],
    ["TPTH-04", 5],
  ]);
});

test("a rate counts only who has reported: silence is not absence", () => {
  const reported = { ...NO_TOTALS, sites: 2, sites_reported: 1, expected: 200, present: 97 };
  expect(attendanceRate({ ...reported, absent_excused: 2, unclassified: 1 })).toBe(97);
  expect(attendanceRate({ ...NO_TOTALS, sites: 2, expected: 200 })).toBeNull();
});

test("40,000 sites with names of any kind are held and found", () => {
  const tree = new Tree(conference(40_000, { bad: 0.1, reported: 0.5 }).sites);
  expect(tree.nodes.size).toBe(40_001);
  const all = tree.tallies();
  expect(all.ok + all.lost + all.degraded + all.not_joined).toBe(40_001);
  expect(tree.rows({ ...ALL, query: "doi cung" }).found).toBe(3);
});
