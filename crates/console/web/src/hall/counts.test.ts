import { expect, test } from "vitest";
import { check, draft, reportId, Waiting, type Draft } from "./counts.ts";

const form = (fields: Partial<Draft>): Draft => ({ ...draft(null, 104), ...fields });

test("expected is filled in; present is all that has to be typed", () => {
  const { counts, rest } = check(form({ present: "104" }));
  expect(counts).toMatchObject({ expected: 104, present: 104, late: 0, unclassified: 0 });
  expect(rest).toBe(0);
});

test("whoever is neither present nor explained is unclassified, so that the sum holds", () => {
  const { counts } = check(form({ present: "99", absent_excused: "3" }));
  expect(counts?.unclassified).toBe(2);
  const sum = counts!.present + counts!.absent_excused + counts!.absent_unexcused + counts!.unclassified;
  expect(sum).toBe(counts!.expected);
});

test.each([
  [{ present: "" }, "present", "counts-number"],
  [{ present: "-1" }, "present", "counts-number"],
  [{ present: "9e3" }, "present", "counts-number"],
  [{ present: "20001" }, "present", "counts-number"],
  [{ present: "102", absent_excused: "3" }, "present", "counts-over"],
  [{ present: "50", late: "51" }, "late", "counts-late-over"],
] as const)("%o is refused at its field", (fields, field, message) => {
  const { counts, faults } = check(form(fields));
  expect(counts).toBeNull();
  expect(faults).toEqual([expect.objectContaining({ field, message })]);
});

test.each([
  ["1.353", "1.350"],
  ["1,353", "1,350"],
  ["1 353", " 1350 "],
])("a thousand is read as either language writes it: %s", (expected, present) => {
  expect(check(form({ expected, present })).counts).toMatchObject({ expected: 1353, present: 1350 });
});

test("the largest hall that the server takes is taken here", () => {
  expect(check(form({ expected: "20.000", present: "20.000" })).counts?.present).toBe(20_000);
});

function storage(): Pick<Storage, "getItem" | "setItem" | "removeItem"> {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

test("a report waits over a reload, under the same id, until it is acknowledged", () => {
  const kept = storage();
  const counts = check(form({ present: "101", absent_excused: "3" })).counts!;
  const report = new Waiting("thanh-hoa", "DT-01", kept).put(counts);
  const reloaded = new Waiting("thanh-hoa", "DT-01", kept);
  expect(reloaded.get()).toEqual(report);
  reloaded.done(report);
  expect(reloaded.get()).toBeNull();
});

test("the acknowledgement of an old report leaves a newer one waiting", () => {
  const waiting = new Waiting("thanh-hoa", "DT-01", storage());
  const old = waiting.put(check(form({ present: "100" })).counts!);
  const newer = waiting.put(check(form({ present: "101" })).counts!);
  waiting.done(old);
  expect(waiting.get()).toEqual(newer);
});

test("what another program left in the store is not a report", () => {
  const kept = storage();
  kept.setItem("diemcau.count.thanh-hoa.DT-01", "{broken");
  expect(new Waiting("thanh-hoa", "DT-01", kept).get()).toBeNull();
});

test("a report id is a UUID", () => {
  expect(reportId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(reportId()).not.toBe(reportId());
});
