/** One WHIP (RFC 9725) or WHEP exchange: offer out, answer in, the session's address kept for its end. */
import { call, Refused, Silent } from "../api.ts";
import { fragmentOf, restarted } from "./ice.ts";
import { iceServers, linked } from "./links.ts";

export interface Session {
  readonly url: string;
  readonly token: string;
  /** Where another layer is asked for; `null` at a relay that has none to offer. */
  readonly layers: string | null;
  /** STUN and TURN servers that the relay names. */
  readonly servers: RTCIceServer[];
}

/** Relays are ICE-lite and answer with every candidate, so ours hardly matter: a second is plenty to gather them. */
const GATHERING_MS_MAX = 1000;

export async function exchange(pc: RTCPeerConnection, endpoint: string, token: string): Promise<Session> {
  await pc.setLocalDescription(await pc.createOffer());
  await gathered(pc);
  const response = await call("POST", endpoint, {
    headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
    body: pc.localDescription?.sdp ?? "",
  });
  const links = response.headers.get("Link");
  const session = {
    url: new URL(response.headers.get("Location") ?? "", endpoint).href,
    token,
    layers: linked(links, "urn:diemcau:whep:layer", endpoint),
    servers: iceServers(links),
  };
  try {
    await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
  } catch (error) {
    void end(session);
    throw error;
  }
  return session;
}

/** A relay that lives answers at once; the session it belongs to has little time. */
const RESTART_MS_MAX = 2000;

/** Restarts ICE on a running session. False: the relay was not reached or is busy, which says nothing yet. Throws when it
 * refuses. */
export async function restartIce(pc: RTCPeerConnection, session: Session): Promise<boolean> {
  const answer = pc.remoteDescription?.sdp ?? "";
  await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
  try {
    await gathered(pc);
    const response = await call("PATCH", session.url, {
      headers: {
        "Content-Type": "application/trickle-ice-sdpfrag",
        "If-Match": "*",
        Authorization: `Bearer ${session.token}`,
      },
      body: fragmentOf(pc.localDescription?.sdp ?? ""),
      signal: AbortSignal.timeout(RESTART_MS_MAX),
    });
    await pc.setRemoteDescription({ type: "answer", sdp: restarted(answer, await response.text()) });
    return true;
  } catch (error) {
    const isBusy = error instanceof Refused && [429, 503].includes(error.status);
    if (!isBusy && !(error instanceof Silent)) throw error;
    // The session goes on with the names it has.
    await pc.setLocalDescription({ type: "rollback" });
    return false;
  }
}

/** Ends a session at the relay. `keepalive` lets it go out while the page is being closed. */
export async function end(session: Session): Promise<void> {
  const headers = { Authorization: `Bearer ${session.token}` };
  const signal = AbortSignal.timeout(2000);
  await fetch(session.url, { method: "DELETE", headers, keepalive: true, signal }).catch(() => undefined);
}

function gathered(pc: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERING_MS_MAX);
    const look = () => {
      if (pc.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    };
    pc.addEventListener("icegatheringstatechange", look);
    look();
  });
}
