import { expect, test } from "vitest";
import { ZERO } from "../media/stats.ts";
import { quality, type Look } from "./quality.ts";

const GOOD: Look = {
  phase: "flowing",
  hasRelay: true,
  serverOpen: true,
  sending: "flowing",
  before: { ...ZERO, packets: 1000 },
  now: { ...ZERO, packets: 1200, rttMs: 20 },
};

test.each([
  ["good", {}],
  ["weak", { now: { ...GOOD.now, lost: 10 } }],
  ["weak", { now: { ...GOOD.now, freezes: 1 } }],
  ["slow", { now: { ...GOOD.now, rttMs: 900 } }],
  ["none", { phase: "retrying" }],
  ["none", { phase: "waiting" }],
  ["connecting", { phase: "connecting", now: ZERO }],
  ["not-sent", { sending: "retrying" }],
  ["good", { sending: null }],
  ["no-server", { serverOpen: false }],
  ["no-relay", { hasRelay: false }],
] as [string, Partial<Look>][])("%s: %o", (words, change) => {
  expect(quality({ ...GOOD, ...change })).toBe(words);
});

test("program lost is said before the control room is", () => {
  expect(quality({ ...GOOD, phase: "retrying", serverOpen: false })).toBe("none");
});
