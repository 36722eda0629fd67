import { expect, test, vi } from "vitest";
import { addPicture, choose, layerFor, LAYERS, shaped, withLayer } from "./layers.ts";

const THREE = LAYERS.map((layer) => ({ ...layer, active: true }));

test("a watched picture has every layer, the lowest first, each within its rate", () => {
  const encodings = shaped(THREE, true);
  expect(encodings.map(({ rid }) => rid)).toEqual(["q", "h", "f"]);
  expect(encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([4, 2, 1]);
  expect(encodings.every(({ active }) => active)).toBe(true);
  const rates = encodings.map(({ maxBitrate }) => maxBitrate ?? 0);
  expect(rates).toEqual(rates.toSorted((a, b) => a - b));
});

test("a picture nobody looks at is its lowest layer, rarely, and comes back whole", () => {
  const resting = shaped(THREE, false);
  expect(resting.map(({ active }) => active)).toEqual([true, false, false]);
  expect(resting[0]).toMatchObject({ maxBitrate: 150_000, maxFramerate: 2, scaleResolutionDownBy: 4 });
  expect(shaped(resting, true)).toEqual(shaped(THREE, true));
});

test("where layers were not taken, the one that is left is the whole picture", () => {
  const left = [{ rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000, active: true }];
  expect(shaped(left, true)).toEqual([
    { rid: "q", scaleResolutionDownBy: 1, maxBitrate: 1_200_000, active: true },
  ]);
  expect(shaped(left, false)).toEqual([
    { rid: "q", scaleResolutionDownBy: 1, maxBitrate: 150_000, maxFramerate: 2, active: true },
  ]);
  expect(shaped([], true)).toEqual([]);
});

test("a browser without layers sends one", () => {
  const asked: (number | undefined)[] = [];
  const addTransceiver = vi.fn((_track: unknown, { sendEncodings }: RTCRtpTransceiverInit) => {
    asked.push(sendEncodings?.length);
    if (sendEncodings!.length > 1) throw new TypeError("not here");
    return "line";
  });
  expect(addPicture({ addTransceiver } as unknown as RTCPeerConnection, {} as MediaStreamTrack)).toBe("line");
  expect(asked).toEqual([3, 1]);
});

test.each([
  [90, "low"],
  [200, "low"],
  [225, "medium"],
  [400, "medium"],
  [401, "best"],
  [1080, "best"],
])("a picture of %i lines on the screen wants %s", (lines, layer) => {
  expect(layerFor(lines)).toBe(layer);
});

test("the layer goes with the address, whatever else stands there", () => {
  expect(withLayer("https://relay:1/whep/A", "low")).toBe("https://relay:1/whep/A?layer=low");
  expect(withLayer("https://relay:1/whep/A?x=1&layer=best", "medium")).toBe(
    "https://relay:1/whep/A?x=1&layer=medium",
  );
});

test("another layer is asked for with the session's token, and a dead line is no fault", async () => {
  const fetch = vi.fn(() => Promise.reject(new TypeError("offline")));
  vi.stubGlobal("fetch", fetch);
  const session = {
    url: "https://relay/session/1",
    token: "t",
    layers: "https://relay/session/1/layer",
    servers: [],
  };
  await choose({ ...session, layers: null }, "low");
  expect(fetch).not.toHaveBeenCalled();
  await choose(session, "low");
  expect(fetch).toHaveBeenCalledWith(
    session.layers,
    expect.objectContaining({ method: "POST", body: '{"layer":"low"}' }),
  );
  vi.unstubAllGlobals();
});
