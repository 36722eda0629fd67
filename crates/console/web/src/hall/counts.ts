/** The count form's rules and its queue of one: the last report not yet acknowledged. Pure but for the store. */
import type { Counts } from "../protocol/Counts.ts";
import type { HeadCount } from "../protocol/HeadCount.ts";

export type FieldName = "expected" | "present" | "late" | "absent_excused" | "absent_unexcused";
export const FIELDS: readonly FieldName[] = [
  "expected",
  "present",
  "late",
  "absent_excused",
  "absent_unexcused",
];
export type Draft = Record<FieldName, string>;

/** What the server takes of one site; more is a slipped finger on the keypad. */
const PEOPLE_MAX = 20_000;

export interface Fault {
  field: FieldName;
  message: string;
  args: Record<string, number>;
}

export function draft(counts: Counts | null, expected: number | null): Draft {
  const text = (value: number | null | undefined) =>
    value === null || value === undefined ? "" : String(value);
  return {
    expected: text(counts?.expected ?? expected),
    present: text(counts?.present),
    late: text(counts?.late),
    absent_excused: text(counts?.absent_excused),
    absent_unexcused: text(counts?.absent_unexcused),
  };
}

/** Empty fields besides expected and present mean nobody. Whoever is neither present nor explained is unclassified. */
export function check(form: Draft): { counts: Counts | null; faults: Fault[]; rest: number } {
  const faults: Fault[] = [];
  const read = (field: FieldName): number => {
    const text = form[field].trim().replace(/[.,\s]/g, "");
    if (text === "" && field !== "expected" && field !== "present") return 0;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value <= PEOPLE_MAX)) faults.push({ field, message: "counts-number", args: {} });
    return value;
  };
  const [expected, present, late, excused, unexcused] = FIELDS.map(read) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (faults.length > 0) return { counts: null, faults, rest: 0 };
  const sum = present + excused + unexcused;
  const rest = expected - sum;
  if (rest < 0) faults.push({ field: "present", message: "counts-over", args: { sum, expected } });
  if (late > present) faults.push({ field: "late", message: "counts-late-over", args: {} });
  const counts: Counts = {
    expected,
    present,
    late,
    absent_excused: excused,
    absent_unexcused: unexcused,
    unclassified: Math.max(0, rest),
    extra: 0,
  };
  return { counts: faults.length === 0 ? counts : null, faults, rest };
}

/** A random UUID (RFC 9562 §5.4); `crypto.randomUUID` is missing where the page is not https. */
export function reportId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The report waiting to be acknowledged, kept over a reload. A newer one takes its place: each is the whole figure. */
export class Waiting {
  private readonly key: string;
  constructor(
    conference: string,
    site: string,
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
  ) {
    this.key = `diemcau.count.${conference}.${site}`;
  }

  get(): HeadCount | null {
    try {
      return JSON.parse(this.storage.getItem(this.key) ?? "null") as HeadCount | null;
    } catch {
      return null;
    }
  }

  put(counts: Counts): HeadCount {
    const report: HeadCount = { report_id: reportId(), ...counts };
    try {
      this.storage.setItem(this.key, JSON.stringify(report));
    } catch {
      // Storage full or forbidden: the report is still sent, it only does not outlive the page.
    }
    return report;
  }

  /** Only the report that was acknowledged: a newer one keeps waiting. */
  done(report: HeadCount): void {
    if (this.get()?.report_id === report.report_id) this.storage.removeItem(this.key);
  }
}
