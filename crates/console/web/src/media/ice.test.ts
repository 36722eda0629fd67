import { expect, test } from "vitest";
import { fragmentOf, restartDue, restarted } from "./ice.ts";

const sdp = (lines: string[]) => lines.map((line) => `${line}\r\n`).join("");

const OFFER = sdp([
  "v=0",
  "o=- 1 2 IN IP4 127.0.0.1",
  "a=group:BUNDLE 0 1",
  "a=ice-options:trickle",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "c=IN IP4 0.0.0.0",
  "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host",
  "a=ice-ufrag:new1",
  "a=ice-pwd:newpassword0123456789aa",
  "a=mid:0",
  "a=rtpmap:111 opus/48000/2",
  "m=video 9 UDP/TLS/RTP/SAVPF 96",
  "a=ice-ufrag:new1",
  "a=ice-pwd:newpassword0123456789aa",
  "a=mid:1",
]);

const ANSWER = sdp([
  "v=0",
  "a=group:BUNDLE 0 1",
  "a=ice-lite",
  "m=audio 5004 UDP/TLS/RTP/SAVPF 111",
  "a=mid:0",
  "a=ice-ufrag:old1",
  "a=ice-pwd:oldpassword",
  "a=setup:passive",
  "a=candidate:1 1 udp 2130706431 203.0.113.7 5004 typ host",
  "a=end-of-candidates",
  "m=video 5004 UDP/TLS/RTP/SAVPF 96",
  "a=mid:1",
  "a=ice-ufrag:old1",
  "a=ice-pwd:oldpassword",
  "a=rtpmap:96 VP8/90000",
]);

const FRAGMENT = sdp([
  "a=ice-lite",
  "a=group:BUNDLE 0 1",
  "m=audio 9 UDP/TLS/RTP/SAVPF 0",
  "a=mid:0",
  "a=ice-ufrag:fresh",
  "a=ice-pwd:freshpassword",
  "a=candidate:1 1 udp 2130706431 203.0.113.8 5004 typ host",
  "a=end-of-candidates",
]);

test("the fragment says what is new of the transport, once", () => {
  expect(fragmentOf(OFFER)).toBe(
    sdp([
      "a=group:BUNDLE 0 1",
      "a=ice-options:trickle",
      "m=audio 9 UDP/TLS/RTP/SAVPF 111",
      "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host",
      "a=ice-ufrag:new1",
      "a=ice-pwd:newpassword0123456789aa",
      "a=mid:0",
    ]),
  );
});

test("the answer in force gets the relay's new names, everything else stays", () => {
  expect(restarted(ANSWER, FRAGMENT)).toBe(
    sdp([
      "v=0",
      "a=group:BUNDLE 0 1",
      "a=ice-lite",
      "m=audio 5004 UDP/TLS/RTP/SAVPF 111",
      "a=mid:0",
      "a=ice-ufrag:fresh",
      "a=ice-pwd:freshpassword",
      "a=candidate:1 1 udp 2130706431 203.0.113.8 5004 typ host",
      "a=end-of-candidates",
      "a=setup:passive",
      "m=video 5004 UDP/TLS/RTP/SAVPF 96",
      "a=mid:1",
      "a=ice-ufrag:fresh",
      "a=ice-pwd:freshpassword",
      "a=rtpmap:96 VP8/90000",
    ]),
  );
});

test.each([
  [true, { ice: "disconnected" }],
  [true, { ice: "failed" }],
  [true, { ice: "connected", moved: true }],
  [false, { ice: "connected" }],
  [false, { ice: "checking" }],
  [false, { ice: "failed", sinceRestart: 1999 }],
  [true, { ice: "failed", sinceRestart: 2000, vain: 2 }],
  [false, { ice: "failed", vain: 3 }],
] as const)("due: %s for %o", (due, trouble) => {
  expect(restartDue({ moved: false, sinceRestart: Infinity, vain: 0, ...trouble })).toBe(due);
});
