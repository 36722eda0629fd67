/** A web socket that comes back: with jitter after a loss, at once when the network returns. */
import { signal, type ReadonlySignal } from "@preact/signals";
import { backoff, pause } from "./backoff.ts";

export interface Link {
  /** Open now? */
  readonly open: ReadonlySignal<boolean>;
  /** Sends when open; a report that cannot be sent is old by the time it could. */
  send(message: unknown): void;
  close(): void;
}

export interface LinkOptions {
  path: string;
  /** Asked before every try, since a token may have been renewed. */
  protocols?: () => string[];
  onMessage: (message: unknown) => void;
  /** Called when a try ended without ever opening: the page checks whether it is still signed in. */
  onRefused?: () => Promise<void> | void;
}

export function connect(options: LinkOptions): Link {
  const open = signal(false);
  const ending = new AbortController();
  let socket: WebSocket | null = null;

  const once = () =>
    new Promise<boolean>((resolve) => {
      let opened = false;
      const url = new URL(options.path, location.href);
      url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
      socket = new WebSocket(url, options.protocols?.() ?? []);
      const abort = () => socket?.close();
      ending.signal.addEventListener("abort", abort);
      socket.onopen = () => {
        opened = true;
        open.value = true;
      };
      socket.onmessage = (event) => {
        if (typeof event.data === "string") options.onMessage(JSON.parse(event.data));
      };
      socket.onclose = () => {
        ending.signal.removeEventListener("abort", abort);
        open.value = false;
        resolve(opened);
      };
    });

  const run = async () => {
    for (let attempt = 0; !ending.signal.aborted; attempt++) {
      if (await once()) attempt = 0;
      else if (!ending.signal.aborted) await options.onRefused?.();
      await pause(backoff(attempt), ending.signal);
    }
  };
  void run();

  return {
    open,
    send: (message) => {
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
    close: () => ending.abort(),
  };
}
