import { expect, test } from "vitest";
import { iceServers, linked } from "./links.ts";

const HEADER =
  '<turn:turn.example:3478?transport=udp>; rel="ice-server"; username="u,;"; credential="c"; credential-type="password", ' +
  '<stun:stun.example>; rel="ice-server", </session/x/layer>; rel="urn:diemcau:whep:layer"';

test("a link is found among others by its relation", () => {
  const found = (rel: string) => linked(HEADER, rel, "https://relay:8443/whep/program");
  expect(found("urn:diemcau:whep:layer")).toBe("https://relay:8443/session/x/layer");
  expect(found("other")).toBeNull();
  expect(linked(null, "other", "https://relay")).toBeNull();
});

test("every server comes with what signs in there", () => {
  expect(iceServers(HEADER)).toEqual([
    { urls: "turn:turn.example:3478?transport=udp", username: "u,;", credential: "c" },
    { urls: "stun:stun.example" },
  ]);
  expect(iceServers('</session/x/layer>; rel="urn:diemcau:whep:layer"')).toEqual([]);
  expect(iceServers(null)).toEqual([]);
});
