/** Restarts ICE on a session in trouble, before it is given up: its numbers and its picture stay. */
import { restartIce, type Session } from "./exchange.ts";
import { APART_MS, restartDue } from "./ice.ts";

export class Mender {
  private moved = false;
  private restartedAt = -Infinity;
  private vain = 0;

  constructor(
    private readonly pc: RTCPeerConnection,
    private readonly session: Session,
  ) {
    addEventListener("online", this.note);
  }

  private readonly note = () => void (this.moved = true);

  /** The relay was heard: whatever was tried has helped. */
  heard(): void {
    this.vain = 0;
  }

  /** Restarts if that is due. Null: it is not; true: the relay has agreed; false: it was not reached. */
  async mend(now: number): Promise<boolean | null> {
    const due = restartDue({
      ice: this.pc.iceConnectionState,
      moved: this.moved,
      sinceRestart: now - this.restartedAt,
      vain: this.vain,
    });
    if (!due) return null;
    this.moved = false;
    this.restartedAt = now;
    this.vain += 1;
    return restartIce(this.pc, this.session);
  }

  /** A connection that has failed while no restart is under way or to come. */
  isHopeless(now: number): boolean {
    return this.pc.connectionState === "failed" && now - this.restartedAt >= APART_MS;
  }

  close(): void {
    removeEventListener("online", this.note);
  }
}
