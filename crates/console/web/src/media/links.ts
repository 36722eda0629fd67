/** What a relay says in `Link` headers (RFC 8288): where layers are chosen, which STUN and TURN servers help. Pure. */

interface Link {
  url: string;
  parameters: Record<string, string>;
}

/** Every link of a header whose parameters stand between quotes, as a relay writes them. */
function links(header: string | null): Link[] {
  const found = (header ?? "").matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+="[^"]*")*)/g);
  return [...found].map(([, url = "", rest = ""]) => ({
    url,
    parameters: Object.fromEntries(
      [...rest.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]),
    ),
  }));
}

/** The address that the header gives for this relation. */
export function linked(header: string | null, relation: string, base: string): string | null {
  const found = links(header).find(({ parameters }) => parameters.rel === relation);
  return found?.url ? new URL(found.url, base).href : null;
}

/** The STUN and TURN servers that the header names (RFC 9725 §4.6). */
export function iceServers(header: string | null): RTCIceServer[] {
  return links(header)
    .filter(({ parameters }) => parameters.rel === "ice-server")
    .map(({ url, parameters: { username, credential } }) =>
      username !== undefined && credential !== undefined
        ? { urls: url, username, credential }
        : { urls: url },
    );
}
