/** Made-up conferences for looking at the screens: Thanh Hóa's 55 halls, or as many as asked for. */
import type { ConferenceView } from "../src/protocol/ConferenceView.ts";
import type { Counts } from "../src/protocol/Counts.ts";
import type { LinkState } from "../src/protocol/LinkState.ts";
import type { RelayView } from "../src/protocol/RelayView.ts";
import type { SiteView } from "../src/protocol/SiteView.ts";
import type { Totals } from "../src/protocol/Totals.ts";

const WARDS =
  "Hàm Rồng,Đông Thọ (điểm cầu chủ),Nam Ngạn,Trường Thi,Điện Biên,Phú Sơn,Lam Sơn,Ba Đình,Ngọc Trạo,Đông Vệ,Đông Sơn,Tân Sơn,Đông Cương,Đông Hương,Đông Hải,Quảng Hưng,Quảng Thắng,Quảng Thành,Thiệu Vân,Thiệu Khánh,Thiệu Dương,Tào Xuyên,Long Anh,Hoằng Quang,Hoằng Đại,Đông Lĩnh,Đông Vinh,Đông Tân,An Hưng,Quảng Thịnh,Quảng Đông,Quảng Cát,Quảng Phú,Quảng Tâm".split(
    ",",
  );
const STREETS =
  "Đội Cung 1,Đội Cung 2,Đội Cung 3,Đông Bắc Ga 1,Đông Bắc Ga 2,Nguyễn Chí Thanh 1,Nguyễn Chí Thanh 2,Dương Đình Nghệ 1,Dương Đình Nghệ 2,Lê Chân 1,Lê Chân 2,Thế Lữ,Mai Xuân Dương 1,Mai Xuân Dương 2,Lý Thiên Bảo 1,Lý Thiên Bảo 2,Chợ Đông Thọ,Thọ Hạc,Bờ Sông Hạc 1 + Bờ Sông Hạc 2".split(
    ",",
  );

/** Repeatable: the same screens every time. */
function mulberry(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

const pad = (n: number) => String(n).padStart(2, "0");

function names(sites: number): { code: string; name: string; level: string; uplink: string | null }[] {
  const rows = [
    {
      code: "TINHUY-TH",
      name: "Điểm cầu Tỉnh ủy Thanh Hóa",
      level: "province",
      uplink: null as string | null,
    },
    {
      code: "TPTH-01",
      name: "Điểm cầu Thành ủy Thanh Hóa (phòng họp trực tuyến)",
      level: "city",
      uplink: "TINHUY-TH",
    },
    { code: "TPTH-02", name: "Điểm cầu Trung tâm Chính trị thành phố", level: "city", uplink: "TINHUY-TH" },
  ];
  WARDS.forEach((name, i) =>
    rows.push({
      code: `TPTH-${pad(i + 3)}`,
      name: `Điểm cầu Phường ${name}`,
      level: "ward",
      uplink: "TPTH-01",
    }),
  );
  STREETS.forEach((name, i) =>
    rows.push({
      code: `DT-${pad(i + 1)}`,
      name: `Nhà văn hóa phố ${name}`,
      level: "street",
      uplink: "TPTH-04",
    }),
  );
  // Beyond the real ones: wards with twenty street halls each, and names as hostile as an import allows.
  for (let ward = 0; rows.length <= sites; ward++) {
    const code = `W-${ward}`;
    const name =
      ward === 0 ? `<img src=x onerror="document.title='hit'">` : `Điểm cầu Xã ${WARDS[ward % 34]} ${ward}`;
    rows.push({ code, name, level: "ward", uplink: "TPTH-01" });
    for (let street = 0; street < 20 && rows.length <= sites; street++) {
      const odd = ward === 1 && street === 0 ? "\u202Egnort noạr nêT \u202E " + "rất dài ".repeat(40) : "";
      rows.push({
        code: `W-${ward}-${street}`,
        name: `${odd}Nhà văn hóa thôn ${street + 1}`,
        level: "street",
        uplink: code,
      });
    }
  }
  return rows;
}

export const NO_TOTALS: Totals = {
  sites: 0,
  sites_reported: 0,
  expected: 0,
  present: 0,
  late: 0,
  absent_excused: 0,
  absent_unexcused: 0,
  unclassified: 0,
  extra: 0,
  oldest_report_at_ms: null,
};

export function conference(sites: number, share: { bad: number; reported: number }): ConferenceView {
  const random = mulberry(55);
  const hubs = new Set(names(sites).map((row) => row.uplink));
  const views = names(sites).map((row, i) => site(row, i, hubs.has(row.code), random, share));
  const totals = rollUp(views);
  const relay = (id: string, level: number, parent: string | null, halls: number): RelayView => ({
    id,
    site: id === "province" ? "TINHUY-TH" : id === "city" ? "TPTH-01" : "TPTH-04",
    level,
    parent,
    state: "connected",
    halls,
    capacity: 250,
    bitrate_bps: halls * 590_000,
    trunks: [],
  });
  return {
    id: "thanh-hoa",
    title: "Hội nghị trực tuyến thành phố Thanh Hóa 27–28/3/2021",
    sitting: { state: "live", since_ms: Date.now() - 600_000, next: ["closed"], chair: "TINHUY-TH" },
    totals,
    sites: views,
    relays: [relay("province", 1, null, 3), relay("city", 2, "province", 34), relay("ward", 3, "city", 19)],
  };
}

type Random = () => number;

function site(
  row: ReturnType<typeof names>[number],
  index: number,
  hub: boolean,
  random: Random,
  share: { bad: number; reported: number },
): SiteView {
  const dice = random();
  const root = row.uplink === null;
  const states: LinkState[] = ["lost", "degraded", "degraded", "not_joined"];
  const state: LinkState = !hub && dice < share.bad ? states[Math.floor((dice / share.bad) * 4)]! : "ok";
  const expected = 40 + Math.floor(random() * 90);
  const excused = Math.floor(random() * 3);
  const counts: Counts = {
    expected,
    present: expected - excused,
    late: Math.floor(random() * 3),
    absent_excused: excused,
    absent_unexcused: 0,
    unclassified: 0,
    extra: 0,
  };
  const alive = state === "ok" || state === "degraded";
  const reason = index % 2 ? "loss" : "no_picture";
  return {
    ...row,
    kind: hub ? "hub" : "site",
    link_mode: "two_way",
    counted: !root,
    relay: row.level === "street" ? "ward" : row.level === "ward" ? "city" : "province",
    link: {
      state,
      since_ms: state === "not_joined" ? 0 : Date.now() - Math.floor(random() * 400_000),
      reasons: state === "degraded" ? [reason] : [],
      program_frames: alive ? 9000 : 0,
      program_packets: alive ? 54_321 : 0,
      program_holes: state === "degraded" ? 12 : 0,
      loss_percent: state === "degraded" ? 1 + random() * 6 : 0,
      rtt_ms: alive ? 4 + random() * 30 : null,
      return_bitrate_bps: alive ? 55_000 + random() * 20_000 : 0,
      return_frame_rate: alive ? 5 : 0,
    },
    tally: root ? "on_air" : "off",
    counts: !root && state !== "not_joined" && random() < share.reported ? counts : null,
    expected,
    subtree: NO_TOTALS,
  };
}

/** Parents stand before children: one walk backwards sums every branch. */
export function rollUp(sites: SiteView[]): Totals {
  const byCode = new Map(sites.map((view) => [view.code, view]));
  for (const view of sites) {
    const own = view.counts;
    view.subtree = {
      ...NO_TOTALS,
      sites: view.counted ? 1 : 0,
      sites_reported: own ? 1 : 0,
      ...(own ?? {}),
      expected: view.counted ? (own?.expected ?? view.expected ?? 0) : 0,
      oldest_report_at_ms: own ? Date.now() - 42_000 : null,
    };
  }
  for (const view of [...sites].reverse()) {
    const parent = view.uplink === null ? undefined : byCode.get(view.uplink);
    if (!parent) continue;
    for (const key of Object.keys(NO_TOTALS) as (keyof Totals)[]) {
      parent.subtree[key] = (parent.subtree[key] ?? 0) + (view.subtree[key] ?? 0);
    }
    parent.subtree.oldest_report_at_ms = Date.now() - 42_000;
  }
  return sites[0]!.subtree;
}
