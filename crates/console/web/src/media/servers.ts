/** The STUN and TURN servers of a relay: named with its answer, when the offer has been made already. */
import { restartIce, type Session } from "./exchange.ts";

export class Servers {
  /** Those the last relay named: the next offer is made with them. */
  known: RTCIceServer[] = [];

  constructor(private readonly restart: typeof restartIce = restartIce) {}

  /** Lets the session use the servers that its relay names. A browser asks new ones only when it gathers again, so ICE is
   * restarted once when the offer was made without them; the path it has found meanwhile goes on until then. */
  async meet(pc: RTCPeerConnection, session: Session): Promise<void> {
    const named = session.servers;
    if (JSON.stringify(named) === JSON.stringify(this.known)) return;
    try {
      pc.setConfiguration({ ...pc.getConfiguration(), iceServers: named });
    } catch (error) {
      console.warn("the relay names a server that this browser does not take", error);
      return;
    }
    this.known = named;
    if (named.length > 0) await this.restart(pc, session);
  }
}
