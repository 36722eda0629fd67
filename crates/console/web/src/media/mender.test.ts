import { afterEach, expect, test, vi } from "vitest";
import { Refused } from "../api.ts";
import { Mender } from "./mender.ts";

const SESSION = { url: "https://relay/session/1", token: "t", layers: null, servers: [] };
const FRAGMENT = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:fresh\r\na=ice-pwd:secret\r\n";

/** A connection in trouble, as far as a mender looks at one. */
class Connection {
  iceConnectionState = "disconnected";
  connectionState = "connected";
  iceGatheringState = "complete";
  remoteDescription = { sdp: "v=0\r\nm=audio 1 x 111\r\na=mid:0\r\na=ice-ufrag:old\r\na=ice-pwd:old\r\n" };
  localDescription = { sdp: "" };
  readonly set: string[] = [];
  addEventListener() {}
  async createOffer({ iceRestart }: RTCOfferOptions) {
    return {
      type: "offer",
      sdp: iceRestart ? "v=0\r\nm=audio 9 x 111\r\na=mid:0\r\na=ice-ufrag:mine\r\n" : "",
    };
  }
  async setLocalDescription(description: { type: string; sdp: string }) {
    this.set.push(`local ${description.type}`);
    if (description.type === "offer") this.localDescription = description;
  }
  async setRemoteDescription({ sdp }: { sdp: string }) {
    this.set.push(`remote ${/ice-ufrag:(\w+)/.exec(sdp)?.[1]}`);
  }
}

function trouble(answer: () => Promise<Response>) {
  const asked = vi.fn((_url: string, _init: RequestInit) => answer());
  const page = new EventTarget();
  vi.stubGlobal("fetch", asked);
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  const connection = new Connection();
  const mender = new Mender(connection as unknown as RTCPeerConnection, SESSION);
  return { asked, page, connection, mender };
}

const agrees = () => Promise.resolve(new Response(FRAGMENT));
const silent = () => Promise.reject(new TypeError("no network"));

afterEach(() => vi.unstubAllGlobals());

test("a lost path is asked for anew, in the session's name, and the answer in force gets the new names", async () => {
  const { asked, connection, mender } = trouble(agrees);
  expect(await mender.mend(0)).toBe(true);
  const [url, init] = asked.mock.calls[0]!;
  expect(url).toBe(SESSION.url);
  expect(init).toMatchObject({ method: "PATCH", body: "m=audio 9 x 111\r\na=mid:0\r\na=ice-ufrag:mine\r\n" });
  expect(init.headers).toMatchObject({ "If-Match": "*", Authorization: "Bearer t" });
  expect(connection.set).toEqual(["local offer", "remote fresh"]);
});

test("a relay that is not reached leaves the session as it was, and is asked again three times in all", async () => {
  const { asked, connection, mender } = trouble(silent);
  expect(await mender.mend(0)).toBe(false);
  expect(connection.set).toEqual(["local offer", "local rollback"]);
  expect(await mender.mend(1999)).toBeNull();
  expect(await mender.mend(2000)).toBe(false);
  expect(await mender.mend(4000)).toBe(false);
  expect(await mender.mend(6000)).toBeNull();
  expect(asked).toHaveBeenCalledTimes(3);
  mender.heard();
  expect(await mender.mend(6000)).toBe(false);
});

test("another network is reason enough while all seems well, once", async () => {
  const { page, connection, mender } = trouble(agrees);
  connection.iceConnectionState = "connected";
  expect(await mender.mend(0)).toBeNull();
  page.dispatchEvent(new Event("online"));
  expect(await mender.mend(1)).toBe(true);
  expect(await mender.mend(5000)).toBeNull();
  mender.close();
  page.dispatchEvent(new Event("online"));
  expect(await mender.mend(9000)).toBeNull();
});

test("a busy relay is asked again later", async () => {
  const { connection, mender } = trouble(() => Promise.resolve(new Response("{}", { status: 429 })));
  expect(await mender.mend(0)).toBe(false);
  expect(connection.set).toEqual(["local offer", "local rollback"]);
});

test("a relay that knows the session no more says so, and it is given up", async () => {
  const { mender } = trouble(() => Promise.resolve(new Response("{}", { status: 404 })));
  await expect(mender.mend(0)).rejects.toBeInstanceOf(Refused);
});

test("a failed connection is hopeless only when no restart is under way", async () => {
  const { connection, mender } = trouble(agrees);
  connection.connectionState = "failed";
  expect(mender.isHopeless(0)).toBe(true);
  await mender.mend(0);
  expect(mender.isHopeless(1999)).toBe(false);
  expect(mender.isHopeless(2000)).toBe(true);
});
