/** One WHIP (RFC 9725) or WHEP exchange: offer out, answer in, the session's address kept for its end. */
import { call } from "../api.ts";

export interface Session {
  readonly url: string;
  readonly token: string;
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
  const session = { url: new URL(response.headers.get("Location") ?? "", endpoint).href, token };
  try {
    await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
  } catch (error) {
    void end(session);
    throw error;
  }
  return session;
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

/** Puts H.264 first: every television, phone and hardware decoder has it. */
export function preferH264(transceiver: RTCRtpTransceiver, side: "send" | "receive"): void {
  const capabilities = (side === "send" ? RTCRtpSender : RTCRtpReceiver).getCapabilities?.("video");
  if (!capabilities || !transceiver.setCodecPreferences) return;
  const rank = (codec: { mimeType: string; sdpFmtpLine?: string }) => {
    if (codec.mimeType.toLowerCase() !== "video/h264") return 2;
    return /42e01f/.test(codec.sdpFmtpLine ?? "") && /packetization-mode=1/.test(codec.sdpFmtpLine ?? "")
      ? 0
      : 1;
  };
  transceiver.setCodecPreferences(capabilities.codecs.toSorted((a, b) => rank(a) - rank(b)));
}
