/** Who is signed in, and what time it is. */
import { signal } from "@preact/signals";
import { api, Refused } from "./api.ts";
import type { SessionView } from "./protocol/SessionView.ts";

/** `undefined` until the server has said. */
export const session = signal<SessionView | null | undefined>(undefined);

export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 1000);

/**
 * Asks the server; gives what left the question open, `null` when it was answered. A server that does not answer
 * changes nothing: nobody is signed out by a bad line.
 */
export async function lookUp(): Promise<unknown> {
  try {
    session.value = await api.session();
    return null;
  } catch (error) {
    if (!(error instanceof Refused) || ![401, 403].includes(error.status)) return error;
    session.value = null;
    return null;
  }
}

export async function signOut(): Promise<void> {
  await api.signOut().catch(() => undefined);
  session.value = null;
}
