/** Camera and microphone: opened, changed, metered. A hall without them still watches. */
import { signal } from "@preact/signals";

/** Device ids; `null` is the browser's default, `"none"` leaves it out. */
export interface Choice {
  camera: string | null;
  microphone: string | null;
}

export type DeviceFault = "device-denied" | "device-busy" | "device-insecure" | null;

const KEY = "diemcau.devices";
/** Enough for a hall on a projector, within 1.2 Mbit/s. */
const PICTURE: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 25 },
};
const SOUND: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

export class Devices {
  readonly choice = signal<Choice>(remembered());
  readonly cameras = signal<MediaDeviceInfo[]>([]);
  readonly microphones = signal<MediaDeviceInfo[]>([]);
  readonly video = signal<MediaStreamTrack | null>(null);
  readonly audio = signal<MediaStreamTrack | null>(null);
  readonly asking = signal(false);
  readonly fault = signal<DeviceFault>(null);
  /** Microphone level, 0 to 1. */
  readonly level = signal(0);
  readonly micOn = signal(true);
  private meter: { context: AudioContext; timer: ReturnType<typeof setInterval> } | null = null;
  private round = 0;

  async open(): Promise<void> {
    const round = ++this.round;
    if (!navigator.mediaDevices?.getUserMedia) {
      this.fault.value = "device-insecure";
      return;
    }
    this.close();
    this.asking.value = true;
    this.fault.value = null;
    const { camera, microphone } = this.choice.value;
    const [video, audio] = await this.both(
      camera === "none" ? false : { ...PICTURE, ...(camera ? { deviceId: { exact: camera } } : {}) },
      microphone === "none"
        ? false
        : { ...SOUND, ...(microphone ? { deviceId: { exact: microphone } } : {}) },
    );
    if (round !== this.round) {
      video?.stop();
      audio?.stop();
      return;
    }
    this.asking.value = false;
    this.video.value = video;
    this.audio.value = audio;
    if (audio) {
      audio.enabled = this.micOn.value;
      this.startMeter(audio);
    }
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    this.cameras.value = all.filter((device) => device.kind === "videoinput" && device.deviceId);
    this.microphones.value = all.filter((device) => device.kind === "audioinput" && device.deviceId);
  }

  choose(choice: Partial<Choice>): void {
    this.choice.value = { ...this.choice.value, ...choice };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.choice.value));
    } catch {
      // Chosen for this page only.
    }
    void this.open();
  }

  setMic(on: boolean): void {
    this.micOn.value = on;
    if (this.audio.value) this.audio.value.enabled = on;
  }

  close(): void {
    this.video.value?.stop();
    this.audio.value?.stop();
    this.video.value = this.audio.value = null;
    if (this.meter) {
      clearInterval(this.meter.timer);
      void this.meter.context.close();
      this.meter = null;
      this.level.value = 0;
    }
  }

  /** Both in one question to the user; when that fails, each by itself, so that one broken device leaves the other. */
  private async both(
    video: MediaTrackConstraints | false,
    audio: MediaTrackConstraints | false,
  ): Promise<[MediaStreamTrack | null, MediaStreamTrack | null]> {
    if (video && audio) {
      const stream = await navigator.mediaDevices.getUserMedia({ video, audio }).catch(() => null);
      if (stream) return [stream.getVideoTracks()[0] ?? null, stream.getAudioTracks()[0] ?? null];
    }
    const one = async (constraints: MediaStreamConstraints) => {
      try {
        return (await navigator.mediaDevices.getUserMedia(constraints)).getTracks()[0] ?? null;
      } catch (error) {
        const name = error instanceof Error ? error.name : "";
        if (name === "NotAllowedError") this.fault.value = "device-denied";
        if (name === "NotReadableError") this.fault.value = "device-busy";
        return null;
      }
    };
    return [video ? await one({ video }) : null, audio ? await one({ audio }) : null];
  }

  private startMeter(track: MediaStreamTrack): void {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      // -50 dB to 0 dB over the bar: speech at arm's length fills about half of it.
      const level = peak > 0 ? Math.max(0, 1 + (20 * Math.log10(peak)) / 50) : 0;
      this.level.value = Math.max(level, this.level.value * 0.8);
    }, 80);
    this.meter = { context, timer };
    // A browser starts sound only after a touch; the meter wakes up with the first.
    if (context.state === "suspended") {
      addEventListener("pointerdown", () => void context.resume().catch(() => undefined), { once: true });
    }
  }
}

function remembered(): Choice {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Choice>;
    return { camera: kept.camera ?? null, microphone: kept.microphone ?? null };
  } catch {
    return { camera: null, microphone: null };
  }
}
