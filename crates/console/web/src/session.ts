/** Who is signed in, and what time it is. */
import { signal } from "@preact/signals";
import { api, Refused } from "./api.ts";
import type { SessionView } from "./protocol/SessionView.ts";

/** `undefined` until the server has said. */
export const session = signal<SessionView | null | undefined>(undefined);

export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 1000);

/** Asks the server; a server that does not answer changes nothing: nobody is signed out by a bad line. */
export async function lookUp(): Promise<boolean> {
  try {
    session.value = await api.session();
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) return false;
    if (error.status === 401 || error.status === 403) session.value = null;
    return error.status === 401 || error.status === 403;
  }
}

export async function signOut(): Promise<void> {
  await api.signOut().catch(() => undefined);
  session.value = null;
}
