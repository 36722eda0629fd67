/** Which codecs an offer names first. */

interface Named {
  mimeType: string;
  sdpFmtpLine?: string | undefined;
}

/** H.264 first: every television, phone and hardware decoder has it, in the profile that all of them know. */
export function rankPicture({ mimeType, sdpFmtpLine = "" }: Named): number {
  if (mimeType.toLowerCase() !== "video/h264") return 2;
  return /42e01f/.test(sdpFmtpLine) && /packetization-mode=1/.test(sdpFmtpLine) ? 0 : 1;
}

/** Redundancy (RFC 2198) first: 32 kbit/s more, and of the packets that a line loses one by one nothing is missed. */
export function rankSound({ mimeType }: Named): number {
  return mimeType.toLowerCase() === "audio/red" ? 0 : 1;
}

export function preferH264(transceiver: RTCRtpTransceiver, side: "send" | "receive"): void {
  const capabilities = (side === "send" ? RTCRtpSender : RTCRtpReceiver).getCapabilities?.("video");
  prefer(transceiver, capabilities, rankPicture);
}

/** For sound that is sent; the relay unwraps it, so who listens asks for nothing. */
export function preferRedundancy(transceiver: RTCRtpTransceiver): void {
  prefer(transceiver, RTCRtpSender.getCapabilities?.("audio"), rankSound);
}

function prefer(
  transceiver: RTCRtpTransceiver,
  capabilities: RTCRtpCapabilities | null | undefined,
  rank: (codec: Named) => number,
): void {
  if (!capabilities || !transceiver.setCodecPreferences) return;
  transceiver.setCodecPreferences(capabilities.codecs.toSorted((a, b) => rank(a) - rank(b)));
}
