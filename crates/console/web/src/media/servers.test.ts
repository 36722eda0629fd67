import { expect, test, vi } from "vitest";
import { Servers } from "./servers.ts";

const TURN: RTCIceServer = { urls: "turn:turn.example", username: "u", credential: "c" };
const session = (servers: RTCIceServer[]) => ({
  url: "https://relay/session/x",
  token: "t",
  layers: null,
  servers,
});

/** A connection that takes servers, and a count of the restarts of its ICE. */
function connection(takes = true) {
  let configured: RTCIceServer[] = [];
  const pc = {
    getConfiguration: () => ({ bundlePolicy: "max-bundle" }),
    setConfiguration: ({ iceServers }: RTCConfiguration) => {
      if (!takes) throw new DOMException("no such scheme", "SyntaxError");
      configured = iceServers ?? [];
    },
  } as unknown as RTCPeerConnection;
  return { pc, configured: () => configured };
}

test("what a relay names serves its session after one restart, and the next offer from the start", async () => {
  const restart = vi.fn(async () => true);
  const servers = new Servers(restart);
  const first = connection();
  await servers.meet(first.pc, session([TURN]));
  expect(first.configured()).toEqual([TURN]);
  expect(servers.known).toEqual([TURN]);
  await servers.meet(connection().pc, session([TURN]));
  expect(restart).toHaveBeenCalledTimes(1);
});

test("a relay that names none costs no restart", async () => {
  const restart = vi.fn(async () => true);
  const servers = new Servers(restart);
  await servers.meet(connection().pc, session([]));
  await servers.meet(connection().pc, session([TURN]));
  await servers.meet(connection().pc, session([]));
  expect(servers.known).toEqual([]);
  expect(restart).toHaveBeenCalledTimes(1);
});

test("a server that the browser does not take keeps nobody out", async () => {
  const restart = vi.fn(async () => true);
  const servers = new Servers(restart);
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  await servers.meet(connection(false).pc, session([TURN]));
  expect(servers.known).toEqual([]);
  expect(restart).not.toHaveBeenCalled();
});
