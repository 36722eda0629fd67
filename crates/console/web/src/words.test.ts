import { afterEach, expect, test } from "vitest";
import en from "./i18n/en.ftl?raw";
import vi from "./i18n/vi.ftl?raw";
import { Refused, refusalWords, Silent } from "./api.ts";
import { backoff } from "./backoff.ts";
import { fold } from "./fold.ts";
import { age, bitrate, milliseconds, number, percent } from "./format.ts";
import { credentialIn } from "./hall/credential.ts";
import { language, t } from "./i18n/index.ts";
import { sum, ZERO } from "./media/stats.ts";

afterEach(() => void (language.value = "vi"));

test("both languages have the same words, with the same arguments", () => {
  const shape = (text: string) =>
    Object.fromEntries(
      [...text.matchAll(/^([\w-]+) = (.*)$/gm)].map(([, id, value]) => [
        id,
        value?.match(/\$\w+/g)?.sort() ?? [],
      ]),
    );
  expect(shape(en)).toEqual(shape(vi));
});

test("every word is said somewhere", () => {
  const sources = import.meta.glob<string>("./**/*.{ts,tsx}", {
    query: "?raw",
    import: "default",
    eager: true,
  });
  const text = Object.values(sources).join("\n");
  const families = [...text.matchAll(/`([a-z]+-)\$\{/g)].map(([, prefix]) => prefix!);
  const ids = [...vi.matchAll(/^([\w-]+) = /gm)].map(([, id]) => id!);
  const unsaid = (id: string) =>
    !text.includes(`"${id}"`) && !families.some((prefix) => id.startsWith(prefix));
  expect(ids.filter(unsaid)).toEqual([]);
});

test("a refusal is told in the language of the screen, never in the server's own words", () => {
  const refused = (status: number, type?: string) =>
    new Refused(
      status,
      { ...(type ? { type } : {}), detail: "a sitting that is draft cannot become live" },
      null,
    );
  expect(refusalWords(refused(409, "counts_not_taken"))).toBe(
    "Chỉ nhận quân số khi phiên sẵn sàng hoặc đang họp.",
  );
  expect(refusalWords(refused(418, "of a later version"))).toBe("Máy chủ từ chối yêu cầu (mã 418).");
  expect(refusalWords(refused(500))).toBe("Máy chủ từ chối yêu cầu (mã 500).");
  expect(refusalWords(new Silent("offline"))).toBe(t("server-silent"));
  expect(refusalWords(new TypeError("x is undefined"))).toBe(t("page-fault"));
  language.value = "en";
  expect(refusalWords(refused(409, "no_chair"))).toBe(
    "There is no chair yet, so the sitting cannot be opened.",
  );
});

test("the count line is the one of the control room", () => {
  const args = { present: number(3874), reported: number(53), sites: number(55) };
  expect(t("count-line", args)).toBe("3.874 (53/55 điểm cầu)");
  language.value = "en";
  expect(t("count-line", { ...args, present: number(3874) })).toBe("3,874 (53/55 sites)");
});

test("figures as people here write them", () => {
  expect([number(4054), percent(97.7), milliseconds(14.2), bitrate(1_840_000)]).toEqual([
    "4.054",
    "97,7%",
    "14 ms",
    "1,8 Mbit/s",
  ]);
  expect([age(12_400), age(300_000), milliseconds(null)]).toEqual(["12 giây", "5 phút", "–"]);
});

test("a search folds Vietnamese in both ways of writing it", () => {
  expect(fold("Đông Thọ")).toBe("dong tho");
  expect(fold("Đông Thọ".normalize("NFD"))).toBe("dong tho");
  expect(fold("  NGUYỄN   Trường ")).toBe("nguyen truong");
});

test("a link, its secret and a short code are all taken", () => {
  expect(credentialIn("https://10.0.0.1:8443/hall#q3vX0v8J")).toBe("q3vX0v8J");
  expect(credentialIn(" #q3vX0v8J ")).toBe("q3vX0v8J");
  expect(credentialIn(" k7qf-2m9x ")).toBe("k7qf-2m9x");
});

test("tries are spread out and never further apart than ten seconds", () => {
  for (const attempt of [0, 1, 5, 50, 1_000_000]) {
    expect(backoff(attempt, () => 0)).toBeGreaterThanOrEqual(200);
    expect(backoff(attempt, () => 1)).toBeLessThanOrEqual(10_000);
    expect(backoff(attempt, () => 0)).toBeLessThan(backoff(attempt, () => 1));
  }
});

test("counters go on over a new session and take no nonsense", () => {
  const report = [
    { type: "inbound-rtp", kind: "video", framesDecoded: 30, packetsReceived: 90, packetsLost: -3 },
    { type: "inbound-rtp", kind: "audio", packetsReceived: 50, packetsLost: 2 },
    { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.012, responsesReceived: 4 },
    { type: "candidate-pair", nominated: false, currentRoundTripTime: 9, responsesReceived: 9 },
    { type: "transport", packetsReceived: 150 },
    { type: "codec" },
  ];
  const first = sum(report);
  expect(first).toEqual({ ...ZERO, frames: 30, packets: 140, lost: 2, rttMs: 12, heard: 154 });
  expect(sum(report, first)).toMatchObject({ frames: 60, packets: 280, lost: 4 });
});
