/** Restarting ICE on a running session (RFC 9725 §4.3.3): when, and with which words. Pure. */

/** Between two restarts: time for one to show what it has brought. */
export const APART_MS = 2000;
/** Restarts in a row that brought nothing; then only a new session helps. */
const VAIN_MAX = 3;

export interface Trouble {
  /** `RTCPeerConnection.iceConnectionState`. */
  ice: RTCIceConnectionState;
  /** The browser has come to another network since the last look. */
  moved: boolean;
  /** Milliseconds since the last restart; `Infinity` before the first. */
  sinceRestart: number;
  /** Restarts since the relay was heard last. */
  vain: number;
}

/** Whether ICE is to be restarted now. A `disconnected` may heal by itself, but a restart costs next to nothing. */
export function restartDue({ ice, moved, sinceRestart, vain }: Trouble): boolean {
  const lost = ice === "disconnected" || ice === "failed";
  return (lost || moved) && sinceRestart >= APART_MS && vain < VAIN_MAX;
}

const isTransport = (line: string) => /^a=(ice-ufrag|ice-pwd|candidate|end-of-candidates)\b/.test(line);
const lines = (sdp: string) => sdp.split(/\r?\n/).filter(Boolean);
const joined = (all: string[]) => all.map((line) => `${line}\r\n`).join("");

/** What an offer has to say about ICE: its group, and the transport of its first m-line, which is everybody's. */
export function fragmentOf(offer: string): string {
  const all = lines(offer);
  const starts = all.flatMap((line, at) => (line.startsWith("m=") ? [at] : []));
  const session = all.slice(0, starts[0]).filter((line) => /^a=(group:BUNDLE|ice-options)/.test(line));
  const first = all.slice(starts[0], starts[1]);
  return joined([
    ...session,
    first[0] ?? "",
    ...first.filter((l) => l.startsWith("a=mid:") || isTransport(l)),
  ]);
}

/** The answer in force with the transport of this fragment instead of its own. */
export function restarted(answer: string, fragment: string): string {
  const news = lines(fragment).filter(isTransport);
  const named = news.filter((line) => line.startsWith("a=ice-"));
  const places = news.filter((line) => !line.startsWith("a=ice-"));
  let given = false;
  return joined(
    lines(answer)
      .filter((line) => !isTransport(line))
      .flatMap((line) => {
        // Every m-line names the credentials, the first one alone the candidates.
        if (!line.startsWith("a=mid:")) return [line];
        const transport = given ? named : [...named, ...places];
        given = true;
        return [line, ...transport];
      }),
  );
}
