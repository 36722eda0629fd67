import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n/index.ts";
import { Icon } from "../ui/parts.tsx";
import type { Devices } from "./devices.ts";
import type { Hall } from "./hall.ts";

interface CheckProps {
  hall: Hall;
  devices: Devices;
  onEnter: () => void;
}

/** Devices and lines before the door opens. Nothing here stops a hall from entering: it can always watch. */
export function Check({ hall, devices, onEnter }: CheckProps) {
  useEffect(() => {
    void devices.open();
    const changed = () => devices.video.value || devices.audio.value || void devices.open();
    navigator.mediaDevices?.addEventListener?.("devicechange", changed);
    return () => navigator.mediaDevices?.removeEventListener?.("devicechange", changed);
  }, []);
  const asking = devices.asking.value;
  return (
    <main class="check">
      <h1>{t("devices-title")}</h1>
      <div class="check-columns">
        <Preview devices={devices} />
        <div class="check-side">
          <Choose kind="camera" devices={devices} />
          <Choose kind="microphone" devices={devices} />
          <Level devices={devices} />
          <ul class="checks">
            <CheckLine
              label={t("check-camera")}
              good={Boolean(devices.video.value)}
              waiting={asking}
              testId="check-camera"
            />
            <CheckLine
              label={t("check-microphone")}
              good={Boolean(devices.audio.value)}
              waiting={asking}
              testId="check-microphone"
            />
            <CheckLine label={t("check-server")} good={hall.link.open.value} waiting testId="check-server" />
            <CheckLine
              label={t("check-media")}
              good={hall.media.value !== null}
              waiting
              testId="check-media"
            />
          </ul>
          <Advice devices={devices} />
          <button type="button" class="primary big" data-testid="enter" onClick={onEnter}>
            {t("enter-hall")}
          </button>
        </div>
      </div>
    </main>
  );
}

function Preview({ devices }: { devices: Devices }) {
  const track = devices.video.value;
  return (
    <div class="preview">
      <TrackVideo track={track} mirrored testId="preview" label={t("camera")} />
      {!track && <p>{t(devices.asking.value ? "device-asking" : "own-picture-none")}</p>}
    </div>
  );
}

interface TrackVideoProps {
  track: MediaStreamTrack | null;
  mirrored?: boolean;
  testId: string;
  label: string;
}

/** One track in one picture, without sound. */
export function TrackVideo({ track, mirrored = false, testId, label }: TrackVideoProps) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    video.current!.srcObject = track ? new MediaStream([track]) : null;
  }, [track]);
  return (
    <video
      ref={video}
      class={mirrored ? "mirrored" : ""}
      autoplay
      playsInline
      muted
      aria-label={label}
      data-testid={testId}
    />
  );
}

function Choose({ kind, devices }: { kind: "camera" | "microphone"; devices: Devices }) {
  const list = (kind === "camera" ? devices.cameras : devices.microphones).value;
  const chosen = devices.choice.value[kind];
  return (
    <label class="field">
      <span>{t(kind)}</span>
      <select
        data-testid={`choose-${kind}`}
        value={chosen ?? ""}
        onChange={(event) => devices.choose({ [kind]: event.currentTarget.value || null })}
      >
        <option value="">{t("device-default")}</option>
        {list.map((device) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label || device.deviceId.slice(0, 8)}
          </option>
        ))}
        <option value="none">{t("device-none")}</option>
      </select>
    </label>
  );
}

function Level({ devices }: { devices: Devices }) {
  const level = Math.min(1, devices.level.value);
  return (
    <div class="level-box">
      <div
        class="level"
        role="meter"
        aria-label={t("microphone-level")}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(level * 100)}
        data-testid="mic-level"
      >
        <div style={{ transform: `scaleX(${level})` }} />
      </div>
      <small class="muted">{t("speak-now")}</small>
    </div>
  );
}

interface CheckLineProps {
  label: string;
  good: boolean;
  waiting: boolean;
  testId: string;
}

function CheckLine({ label, good, waiting, testId }: CheckLineProps) {
  const state = good ? "ok" : waiting ? "not_joined" : "degraded";
  return (
    <li data-testid={testId} data-good={good}>
      <span class={`state state-${state}`}>
        <Icon name={state} />
        <span>
          {label}: {t(good ? "check-good" : waiting ? "check-waiting" : "check-bad")}
        </span>
      </span>
    </li>
  );
}

function Advice({ devices }: { devices: Devices }) {
  if (devices.asking.value) return null;
  const { camera, microphone } = devices.choice.value;
  const lines: string[] = [];
  if (devices.fault.value) lines.push(devices.fault.value);
  else {
    if (!devices.video.value && camera !== "none") lines.push("device-no-camera");
    if (!devices.audio.value && microphone !== "none") lines.push("device-no-microphone");
  }
  if (lines.length === 0) return null;
  return (
    <div class="advice" role="status" data-testid="advice">
      {lines.map((line) => (
        <p key={line}>{t(line)}</p>
      ))}
      <button type="button" onClick={() => void devices.open()}>
        {t("retry")}
      </button>
    </div>
  );
}
