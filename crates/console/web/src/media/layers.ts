/** Which qualities of its picture a hall sends, and which one a watcher asks for. Pure, but for the two calls at the end. */
import type { Session } from "./exchange.ts";

export type Layer = "low" | "medium" | "best";

/** A hall's picture on the screen of the control room; more would only load the commune's line. */
const VIDEO_BPS_MAX = 1_200_000;

/** The lowest first: a relay takes the order of the offer for the order of quality. Sizes are for a camera of 720 lines. */
export const LAYERS: RTCRtpEncodingParameters[] = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 400_000 },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: VIDEO_BPS_MAX },
];

/** A picture that nobody looks at only has to prove that it is there. */
const UNWATCHED = { maxBitrate: 150_000, maxFramerate: 2 };

/** What a picture's encodings become: every layer while somebody watches, else the lowest alone and rarely. A browser or
 * a relay that takes no layers leaves one encoding, which then is the whole picture. */
export function shaped(
  encodings: readonly RTCRtpEncodingParameters[],
  watched: boolean,
): RTCRtpEncodingParameters[] {
  const layered = encodings.length > 1;
  return encodings.map((encoding, index) => {
    const { maxFramerate: _, ...kept } = encoding;
    const own = layered ? LAYERS[index] : { scaleResolutionDownBy: 1, maxBitrate: VIDEO_BPS_MAX };
    if (watched) return { ...kept, ...own, active: true };
    return { ...kept, ...own, ...UNWATCHED, active: index === 0 };
  });
}

/** Adds a picture to a connection, in layers where the browser has them. */
export function addPicture(pc: RTCPeerConnection, picture: MediaStreamTrack): RTCRtpTransceiver {
  try {
    return pc.addTransceiver(picture, { direction: "sendonly", sendEncodings: LAYERS });
  } catch {
    const sendEncodings = [{ maxBitrate: VIDEO_BPS_MAX }];
    return pc.addTransceiver(picture, { direction: "sendonly", sendEncodings });
  }
}

/** Gives the picture of a connection the shape it needs now. */
export async function shape(pc: RTCPeerConnection, watched: boolean): Promise<void> {
  const sender = pc.getSenders().find((line) => line.track?.kind === "video");
  const parameters = sender?.getParameters();
  if (!sender || !parameters?.encodings.length) return;
  parameters.encodings = shaped(parameters.encodings, watched);
  // Refused when the session has just ended: the next one is shaped anew.
  await sender.setParameters(parameters).catch(() => undefined);
}

/** The layer for a picture of so many lines on the screen: the next one up would hardly be seen to be better. */
export function layerFor(lines: number): Layer {
  if (lines <= 200) return "low";
  return lines <= 400 ? "medium" : "best";
}

/** The address of a WHEP endpoint at which a session begins with this layer. */
export function withLayer(endpoint: string, layer: Layer): string {
  const url = new URL(endpoint);
  url.searchParams.set("layer", layer);
  return url.href;
}

/** Asks the relay for another layer. What fails is tried again by nobody: the picture goes on as it is. */
export async function choose(session: Session, layer: Layer): Promise<void> {
  if (!session.layers) return;
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${session.token}` };
  const signal = AbortSignal.timeout(5000);
  await fetch(session.layers, { method: "POST", headers, body: JSON.stringify({ layer }), signal }).catch(
    () => undefined,
  );
}
