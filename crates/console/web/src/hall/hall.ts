/** One joined hall: its link to the control room, its two media sessions, its report. */
import { batch, effect, signal, type ReadonlySignal } from "@preact/signals";
import { api, Refused } from "../api.ts";
import { backoff, pause } from "../backoff.ts";
import { preferH264, preferRedundancy } from "../media/codecs.ts";
import { keep, type Keeper } from "../media/keeper.ts";
import { addPicture, shape } from "../media/layers.ts";
import type { MediaStats } from "../media/stats.ts";
import type { ByeCause } from "../protocol/ByeCause.ts";
import type { Counts } from "../protocol/Counts.ts";
import type { FromHall } from "../protocol/FromHall.ts";
import type { HallState } from "../protocol/HallState.ts";
import type { JoinGrant } from "../protocol/JoinGrant.ts";
import type { MediaEndpoints } from "../protocol/MediaEndpoints.ts";
import type { ToHall } from "../protocol/ToHall.ts";
import { connect, type Link } from "../socket.ts";
import { Waiting } from "./counts.ts";
import type { Devices } from "./devices.ts";

export const HEALTH_PERIOD_MS = 2000;
/** The WHEP lines in the order that names them: see the protocol's slots. */
export interface Slots {
  programVideo: MediaStreamTrack;
  floorVideo: MediaStreamTrack;
  programAudio: MediaStreamTrack;
  floorAudio: MediaStreamTrack;
}

export class Hall {
  readonly state = signal<HallState | null>(null);
  readonly media = signal<MediaEndpoints | null>(null);
  readonly bye = signal<ByeCause | null>(null);
  readonly link: Link;
  readonly slots = signal<Slots | null>(null);
  readonly watch = signal<Keeper | null>(null);
  readonly publish = signal<Keeper | null>(null);
  readonly waiting: Waiting;
  /** Reports not yet acknowledged: 0 or 1. */
  readonly unsent: ReadonlySignal<number>;
  private readonly unsentCount = signal(0);
  /** Why the last report was not taken. */
  readonly refused = signal<Refused | null>(null);
  private readonly ending = new AbortController();
  private sending = false;

  constructor(
    public grant: JoinGrant,
    readonly devices: Devices,
    /** The token ended or was withdrawn: the page joins anew with its credential. */
    private readonly onUnauthorised: () => Promise<void>,
  ) {
    this.media.value = grant.media;
    this.waiting = new Waiting(grant.conference, grant.site, localStorage);
    this.unsent = this.unsentCount;
    this.link = connect({
      path: "/api/hall/link",
      protocols: () => ["diemcau.v1", `bearer.${this.grant.token}`],
      onMessage: (message) => this.hear(message as ToHall),
      onRefused: async () => {
        // A browser hides why a web socket was refused. With a server that answers otherwise, it was the token.
        const answers = await api.session().then(
          () => true,
          (error: unknown) => error instanceof Refused,
        );
        if (answers) await this.onUnauthorised();
      },
    });
    const timer = setInterval(() => this.reportHealth(), HEALTH_PERIOD_MS);
    this.ending.signal.addEventListener("abort", () => clearInterval(timer));
    if (this.waiting.get()) void this.sendWaiting();
  }

  /** A new token for the same hall: what runs goes on, the next connection takes the new one. */
  renew(grant: JoinGrant): void {
    this.grant = grant;
    if (grant.media) this.media.value = grant.media;
  }

  private hear(message: ToHall): void {
    if (message.type === "bye") {
      this.bye.value = message.cause;
      this.end();
      return;
    }
    const moved = JSON.stringify(message.media) !== JSON.stringify(this.media.value);
    batch(() => {
      this.state.value = message;
      // With no relay named the sessions go on where they are: the media plane outlives the plan.
      if (moved && message.media) this.media.value = message.media;
    });
    if (moved && message.media) {
      this.watch.value?.restart();
      this.publish.value?.restart();
    }
  }

  /** Starts watching and sending; both come back by themselves until `end`. */
  enter(): void {
    if (this.watch.value) return;
    this.watch.value = keep({
      direction: "receive",
      grant: async () => this.endpoint("whep_url"),
      onUnauthorised: this.onUnauthorised,
      prepare: (pc) => {
        const line = (kind: string) => pc.addTransceiver(kind, { direction: "recvonly" });
        const [program, floor] = [line("video"), line("video")];
        const [programSound, floorSound] = [line("audio"), line("audio")];
        [program, floor].forEach((video) => preferH264(video, "receive"));
        this.slots.value = {
          programVideo: program.receiver.track,
          floorVideo: floor.receiver.track,
          programAudio: programSound.receiver.track,
          floorAudio: floorSound.receiver.track,
        };
      },
    });
    // A camera that was changed or plugged in late is a new publication.
    const stop = effect(() => {
      const tracks = [this.devices.video.value, this.devices.audio.value];
      this.publish.peek()?.stop();
      this.publish.value = tracks.some(Boolean) ? this.send(tracks[0] ?? null, tracks[1] ?? null) : null;
    });
    this.ending.signal.addEventListener("abort", stop);
    const thrift = effect(() => {
      const state = this.state.value;
      const pc = this.publish.value?.pc.value;
      if (pc && state) void shape(pc, state.watched || state.tally !== "off");
    });
    this.ending.signal.addEventListener("abort", thrift);
  }

  private send(video: MediaStreamTrack | null, audio: MediaStreamTrack | null): Keeper {
    return keep({
      direction: "send",
      grant: async () => this.endpoint("whip_url"),
      onUnauthorised: this.onUnauthorised,
      prepare: (pc) => {
        if (audio) preferRedundancy(pc.addTransceiver(audio, { direction: "sendonly" }));
        if (video) preferH264(addPicture(pc, video), "send");
      },
    });
  }

  private endpoint(which: keyof MediaEndpoints): { url: string; token: string } | null {
    const url = this.media.value?.[which];
    return url ? { url, token: this.grant.token } : null;
  }

  stats(): MediaStats | null {
    return this.watch.peek()?.stats.peek() ?? null;
  }

  private reportHealth(): void {
    const stats = this.stats();
    if (!stats) return;
    const message: FromHall = {
      type: "health",
      frames: stats.frames,
      packets: stats.packets,
      holes: stats.lost,
      dropped_locally: stats.discarded,
      freezes: stats.freezes,
      rtt_ms: stats.rttMs,
    };
    this.link.send(message);
  }

  /** Queues a report and sends it until it is acknowledged or refused. */
  report(counts: Counts): Promise<boolean> {
    this.waiting.put(counts);
    return this.sendWaiting();
  }

  /** True once nothing waits; false at the first silence, while trying goes on. */
  private async sendWaiting(): Promise<boolean> {
    this.unsentCount.value = 1;
    this.refused.value = null;
    if (this.sending) return false;
    this.sending = true;
    const answered = await this.sendOnce();
    if (answered) this.sending = false;
    else void this.sendOn();
    return answered;
  }

  private async sendOn(): Promise<void> {
    for (let attempt = 0; !this.ending.signal.aborted; attempt++) {
      await pause(backoff(attempt), this.ending.signal);
      if (await this.sendOnce()) break;
    }
    this.sending = false;
  }

  /** One try; true when the server has answered, be it by a refusal. */
  private async sendOnce(): Promise<boolean> {
    const report = this.waiting.get();
    if (!report) {
      this.unsentCount.value = 0;
      return true;
    }
    try {
      await api.counts(this.grant.conference, this.grant.site, report, this.grant.token);
    } catch (error) {
      if (error instanceof Refused && error.status === 401) await this.onUnauthorised();
      if (!(error instanceof Refused) || !isFinal(error)) return false;
      this.refused.value = error;
    }
    this.waiting.done(report);
    this.unsentCount.value = this.waiting.get() ? 1 : 0;
    return this.unsentCount.value === 0 || this.sendOnce();
  }

  end(): void {
    this.ending.abort();
    this.link.close();
    this.watch.value?.stop();
    this.publish.value?.stop();
  }
}

/** Sending the same report again would change nothing. */
function isFinal({ status, problem }: Refused): boolean {
  if (problem.type === "too_many_reports") return true;
  return status < 500 && ![401, 408, 429].includes(status);
}
