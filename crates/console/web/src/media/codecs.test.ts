import { expect, test } from "vitest";
import { rankPicture, rankSound } from "./codecs.ts";

const sorted = <T extends { mimeType: string }>(codecs: T[], rank: (codec: T) => number) =>
  codecs.toSorted((a, b) => rank(a) - rank(b));

test("the picture's codec is H.264 in the profile everybody decodes, then any H.264, then the browser's order", () => {
  const line = (profile: string, mode: number) => `packetization-mode=${mode};profile-level-id=${profile}`;
  const codecs = [
    { mimeType: "video/VP8" },
    { mimeType: "video/rtx" },
    { mimeType: "video/H264", sdpFmtpLine: line("42001f", 1) },
    { mimeType: "video/H264", sdpFmtpLine: line("42e01f", 0) },
    { mimeType: "video/H264", sdpFmtpLine: line("42e01f", 1) },
    { mimeType: "video/AV1" },
  ];
  expect(sorted(codecs, rankPicture)).toEqual([
    codecs[4],
    codecs[2],
    codecs[3],
    codecs[0],
    codecs[1],
    codecs[5],
  ]);
});

test("sound goes out redundant where the browser can", () => {
  const codecs = [{ mimeType: "audio/opus" }, { mimeType: "audio/red" }, { mimeType: "audio/PCMU" }];
  expect(sorted(codecs, rankSound).map(({ mimeType }) => mimeType)).toEqual([
    "audio/red",
    "audio/opus",
    "audio/PCMU",
  ]);
});
