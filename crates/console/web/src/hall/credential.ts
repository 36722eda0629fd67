/** What lets a hall in, as people give it: a link, the secret out of it, a short code. Pure but for the store. */
import type { JoinGrant } from "../protocol/JoinGrant.ts";

/** The credential in `text`: what stands behind `#` in a link, otherwise the text itself. */
export function credentialIn(text: string): string {
  const trimmed = text.trim();
  const hash = trimmed.indexOf("#");
  return hash >= 0 ? trimmed.slice(hash + 1).trim() : trimmed;
}

export interface Kept {
  credential: string;
  grant: JoinGrant;
  /** The technician has been through the device check: a reload goes straight to the program. */
  entered: boolean;
}

const KEY = "diemcau.hall";

/** This tab first, so that two halls can be tried side by side; then this browser, for a tab that was closed. */
export function recall(): Kept | null {
  for (const storage of [sessionStorage, localStorage]) {
    try {
      const kept = JSON.parse(storage.getItem(KEY) ?? "null") as Kept | null;
      if (kept?.grant?.token) return kept;
    } catch {
      // What cannot be read is forgotten.
    }
  }
  return null;
}

export function remember(kept: Kept | null): void {
  for (const storage of [sessionStorage, localStorage]) {
    try {
      if (kept) storage.setItem(KEY, JSON.stringify(kept));
      else storage.removeItem(KEY);
    } catch {
      // Without storage the hall works and joins again after a reload.
    }
  }
}
