/**
 * A server inside the page, for looking at the screens: `vite --mode fake`, then
 * `/control/thanh-hoa?sites=5000`, `/hall#secret`. Media is real: each WHIP and WHEP exchange is answered by
 * a second peer connection in the same page. `?offline` cuts every call, `?tally=on_air` lights the lamp,
 * `?refuse=no_chair` refuses every command with that name, `?bye` has the hall opened elsewhere after a while.
 */
import type { HallState } from "../src/protocol/HallState.ts";
import type { JoinGrant } from "../src/protocol/JoinGrant.ts";
import type { SiteView } from "../src/protocol/SiteView.ts";
import type { SittingState } from "../src/protocol/SittingState.ts";
import type { Tally } from "../src/protocol/Tally.ts";
import { conference, rollUp } from "./fixture.ts";

const asked = new URLSearchParams(location.search);
const given = (name: string, fallback: string) => asked.get(name) ?? fallback;
const view = conference(Number(given("sites", "55")), {
  bad: Number(given("bad", "0.15")),
  reported: Number(given("reported", "0.96")),
});
view.sitting.state = given("state", "live") as SittingState;
const STEPS: Record<SittingState, SittingState[]> = {
  draft: ["ready"],
  ready: ["live"],
  live: ["closed"],
  closed: [],
};
view.sitting.next = STEPS[view.sitting.state];
let signedIn = !asked.has("signed-out");
const listeners = new Set<(message: unknown) => void>();
const tell = (message: unknown) => listeners.forEach((listener) => listener(message));

const media = {
  whip_url: `${location.origin}/fake/whip/DT-01`,
  whep_url: `${location.origin}/fake/whep/DT-01`,
};
const grant: JoinGrant = {
  token: "e30.e30.c2ln",
  expires_at_s: Date.now() / 1000 + 86_400,
  conference: view.id,
  conference_title: view.title,
  site: "DT-01",
  site_name: "Nhà văn hóa phố Đội Cung 1",
  media,
};
const hallState = (): HallState => ({
  site: grant.site,
  site_name: grant.site_name,
  conference_title: view.title,
  sitting: view.sitting,
  tally: given("tally", "off") as Tally,
  watched: true,
  media,
  counts: view.sites.find((site) => site.code === grant.site)?.counts ?? null,
  expected: 101,
  server_time_ms: Date.now(),
});

const answer = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(status === 204 ? null : typeof body === "string" ? body : JSON.stringify(body), {
    status,
    headers,
  });
const refuse = (status: number, detail: string, type = "refused") =>
  answer({ type, title: "refused", status, detail }, status);

/** A moving picture with a name on it. */
function picture(name: string): MediaStream {
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
  const pen = canvas.getContext("2d")!;
  let step = 0;
  setInterval(() => {
    step += 1;
    pen.fillStyle = `hsl(${(step * 2) % 360} 45% 24%)`;
    pen.fillRect(0, 0, 640, 360);
    pen.fillStyle = "#fff";
    pen.font = "600 34px sans-serif";
    pen.fillText(name, 40, 170);
    pen.fillText(new Date().toLocaleTimeString("vi-VN"), 40, 220);
    pen.fillRect((step * 6) % 640, 300, 60, 24);
  }, 66);
  return canvas.captureStream(15);
}

async function fakeRelay(path: string, sdp: string): Promise<Response> {
  const pc = new RTCPeerConnection();
  await pc.setRemoteDescription({ type: "offer", sdp });
  const watching = !path.includes("/whip/");
  const videos = pc.getTransceivers().filter((line) => line.receiver.track.kind === "video");
  if (watching && videos[0]) {
    videos[0].direction = "sendonly";
    await videos[0].sender.replaceTrack(picture(path.split("/").pop()!).getVideoTracks()[0]!);
  }
  await pc.setLocalDescription(await pc.createAnswer());
  await new Promise((resolve) => setTimeout(resolve, 300));
  return answer(pc.localDescription!.sdp, 201, { Location: `/fake/session/${path.split("/").pop()}` });
}

async function route(method: string, path: string, body: string): Promise<Response> {
  if (asked.has("offline")) throw new TypeError("offline");
  if (path.startsWith("/fake/session")) return answer("", 204);
  if (path.startsWith("/fake/")) return fakeRelay(path, body);
  if (
    asked.has("refuse") &&
    (/\/(sitting|link|counts)$/.test(path) || (method === "POST" && path === "/api/session"))
  ) {
    return refuse(409, "the server's own words", given("refuse", ""));
  }
  if (path === "/api/session" && method === "POST") {
    if (JSON.parse(body).password === "sai") return refuse(401, "wrong");
    signedIn = true;
  }
  if (path === "/api/session" && method === "DELETE") signedIn = false;
  if (path === "/api/session")
    return signedIn ? answer({ user: "admin", role: given("role", "operator") }) : refuse(401, "");
  if (path === "/api/conferences") {
    return answer([{ id: view.id, title: view.title, sites: view.totals.sites, state: view.sitting.state }]);
  }
  if (path === "/api/join") {
    return JSON.parse(body).credential === "SAI" ? refuse(401, "no such code") : answer(grant);
  }
  if (path.endsWith("/watch")) {
    return answer({ whep_url: `${location.origin}/fake/whep/${path.split("/").at(-2)}`, token: "t" });
  }
  if (path.endsWith("/link")) {
    const url = `${location.origin}/hall#q3vX0v8Jd5mC1r7LwYb2kT9eHsZ6uNfAoGiPxQjVtUc`;
    return answer({ url, code: "K7QF-2M9X" });
  }
  if (path.endsWith("/sitting")) {
    const to = JSON.parse(body).to as SittingState;
    view.sitting = { ...view.sitting, state: to, next: STEPS[to], since_ms: Date.now() };
    tell({ type: "changed", sitting: view.sitting, totals: null, sites: [], relays: [] });
    return answer(view.sitting);
  }
  if (path.endsWith("/counts")) {
    const { report_id: _, ...counts } = JSON.parse(body);
    const found = view.sites.find((site) => site.code === path.split("/").at(-2));
    if (found) found.counts = counts;
    tell({ type: "state", ...hallState() });
    return answer(counts);
  }
  return refuse(404, "unknown");
}

const realFetch = window.fetch.bind(window);
window.fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : String(input), location.href);
  if (!/^\/(api|fake)\//.test(url.pathname)) return realFetch(input, init);
  return route(init?.method ?? "GET", url.pathname, String(init?.body ?? ""));
};

const RealSocket = window.WebSocket;
class FakeSocket extends EventTarget {
  static readonly OPEN = 1;
  readyState = 0;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  private readonly listener = (message: unknown) => this.onmessage?.({ data: JSON.stringify(message) });

  constructor(url: string | URL) {
    super();
    const hall = String(url).includes("/api/hall/");
    setTimeout(() => {
      if (asked.has("offline") || asked.has("cut")) return this.close();
      this.readyState = 1;
      this.onopen?.();
      listeners.add(this.listener);
      this.listener(hall ? { type: "state", ...hallState() } : { type: "snapshot", ...view });
      if (hall && asked.has("bye")) {
        setTimeout(() => this.listener({ type: "bye", cause: "taken_over" }), 2500);
      }
      if (asked.has("cut-after")) setTimeout(() => (asked.set("cut", ""), this.close()), 1500);
    }, 30);
  }
  send(): void {}
  close(): void {
    this.readyState = 3;
    listeners.delete(this.listener);
    this.onclose?.();
  }
}
window.WebSocket = new Proxy(RealSocket, {
  construct: (_, [url, protocols]: [string | URL, string[]]) =>
    String(url).includes("/api/") ? new FakeSocket(url) : new RealSocket(url, protocols),
});

/** A little life: some links change, as they do. */
setInterval(() => {
  const changed: SiteView[] = [];
  for (let i = 0; i < 20; i++) {
    const at = 1 + Math.floor(Math.random() * (view.sites.length - 1));
    const site = view.sites[at]!;
    if (site.link.state !== "ok") continue;
    view.sites[at] = { ...site, link: { ...site.link, program_packets: site.link.program_packets + 900 } };
    changed.push(view.sites[at]);
  }
  rollUp(view.sites);
  if (!location.pathname.startsWith("/hall")) {
    tell({ type: "changed", sitting: null, totals: view.totals, sites: changed, relays: [] });
  }
}, 1000);
