import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { clock, number } from "../format.ts";
import { t } from "../i18n/index.ts";
import { ZERO, type MediaStats } from "../media/stats.ts";
import type { Tally } from "../protocol/Tally.ts";
import { now } from "../session.ts";
import { Dialog, Icon, LanguageSwitch, Name, tallyKey } from "../ui/parts.tsx";
import { TrackVideo } from "./Check.tsx";
import { CountForm } from "./CountForm.tsx";
import type { Devices } from "./devices.ts";
import type { Hall } from "./hall.ts";
import { ProgramSound } from "./ProgramSound.tsx";
import { quality, type Quality } from "./quality.ts";

/** How far back the words about the line look. */
const LOOK_BACK_MS = 3000;

interface WatchProps {
  hall: Hall;
  devices: Devices;
  onLeave: () => void;
  onAgain: () => void;
}

export function Watch({ hall, devices, onLeave, onAgain }: WatchProps) {
  const counting = useSignal(false);
  const leaving = useSignal(false);
  const page = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!devices.video.value && !devices.audio.value && !devices.asking.value) void devices.open();
    return keepAwake();
  }, []);
  const tally: Tally = hall.state.value?.tally ?? "off";
  return (
    <div ref={page} class={`watch lamp-${tally}`} data-theme="light" data-testid="watch" data-tally={tally}>
      <Lamp hall={hall} tally={tally} />
      <Stage hall={hall} devices={devices} />
      <Line hall={hall} />
      <footer class="controls">
        <Mic devices={devices} />
        <button
          type="button"
          class="primary"
          data-testid="open-counts"
          onClick={() => (counting.value = true)}
        >
          <Icon name="people" /> {t("counts-open")}
        </button>
        <CountState hall={hall} />
        <span class="gap" />
        <FullScreen page={page} />
        <LanguageSwitch />
        <button type="button" class="quiet" data-testid="leave" onClick={() => (leaving.value = true)}>
          {t("hall-leave")}
        </button>
      </footer>
      {counting.value && <CountForm hall={hall} onClose={() => (counting.value = false)} />}
      {leaving.value && (
        <Dialog title={t("hall-leave-title")} onClose={() => (leaving.value = false)}>
          <p>{t("hall-leave-text")}</p>
          <div class="buttons">
            <button type="button" onClick={() => (leaving.value = false)}>
              {t("cancel")}
            </button>
            <button type="button" class="danger" data-testid="confirm-leave" onClick={onLeave}>
              {t("hall-leave")}
            </button>
          </div>
        </Dialog>
      )}
      {hall.bye.value !== null && (
        <Dialog title={t(`bye-${hall.bye.value}`)} testId="bye">
          <div class="buttons">
            <button type="button" class="quiet big" onClick={onLeave}>
              {t("hall-leave")}
            </button>
            <button type="button" class="primary big" autofocus data-testid="again" onClick={onAgain}>
              {t("bye-again")}
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

/** The lamp: a bar with the word, and a border around everything. */
function Lamp({ hall, tally }: { hall: Hall; tally: Tally }) {
  const state = hall.state.value;
  return (
    <header class="lamp">
      <strong class="lamp-word" role="status" data-testid="tally">
        {t(`tally-${tallyKey(tally)}-word`)}
      </strong>
      <span class="lamp-text">{t(`tally-${tallyKey(tally)}-text`)}</span>
      <div class="lamp-site">
        <h1>
          <Name>{state?.site_name ?? hall.grant.site_name}</Name>
        </h1>
        <small>
          <Name>{state?.conference_title ?? hall.grant.conference_title}</Name>
          {state && ` · ${t(`state-${state.sitting.state}`)}`}
        </small>
      </div>
      <time class="clock">{clock(now.value)}</time>
    </header>
  );
}

function Stage({ hall, devices }: { hall: Hall; devices: Devices }) {
  const slots = hall.slots.value;
  const keeper = hall.watch.value;
  const video = useRef<HTMLVideoElement>(null);
  const floor = useSignal(false);
  useEffect(() => {
    if (!slots || !video.current) return;
    video.current.srcObject = new MediaStream([slots.programVideo]);
    // The floor's line is silent until somebody has the floor: its picture shows with its first frame.
    const show = () => (floor.value = !slots.floorVideo.muted);
    slots.floorVideo.onmute = slots.floorVideo.onunmute = show;
    show();
  }, [slots]);
  const flowing = keeper?.phase.value === "flowing";
  return (
    <main class="stage">
      <video
        ref={video}
        class="program-video"
        autoplay
        playsInline
        muted
        aria-label={t("program")}
        data-testid="program-video"
        data-phase={keeper?.phase.value ?? "stopped"}
        data-frames-decoded={keeper?.stats.value.frames ?? 0}
      />
      {!flowing && <p class="stage-words">{t("quality-connecting")}</p>}
      {slots && <ProgramSound tracks={[slots.programAudio, slots.floorAudio]} />}
      <div class="small-pictures">
        <figure hidden={!floor.value}>
          <TrackVideo track={slots?.floorVideo ?? null} testId="floor-video" label={t("floor-picture")} />
          <figcaption>{t("floor-picture")}</figcaption>
        </figure>
        <figure>
          {devices.video.value ? (
            <TrackVideo track={devices.video.value} testId="own-video" label={t("own-picture")} />
          ) : (
            <div class="no-picture" />
          )}
          <figcaption data-testid="own-picture" data-phase={hall.publish.value?.phase.value ?? "none"}>
            {t(devices.video.value ? "own-picture" : "own-picture-none")}
          </figcaption>
        </figure>
      </div>
    </main>
  );
}

/** The line in plain words, and what to do about it. */
function Line({ hall }: { hall: Hall }) {
  const words = useSignal<Quality>("connecting");
  const earlier = useSignal<{ at: number; stats: MediaStats }[]>([]);
  useSignalEffect(() => {
    const at = now.value;
    const stats = hall.stats() ?? ZERO;
    const kept = earlier.peek().filter((look) => at - look.at <= LOOK_BACK_MS);
    words.value = quality({
      phase: hall.watch.value?.phase.value ?? "connecting",
      hasRelay: hall.media.value !== null,
      serverOpen: hall.link.open.value,
      sending: hall.publish.value?.phase.value ?? null,
      before: kept[0]?.stats ?? stats,
      now: stats,
    });
    earlier.value = [...kept, { at, stats }];
  });
  const mark =
    words.value === "good"
      ? "ok"
      : words.value === "connecting"
        ? "not_joined"
        : words.value === "none"
          ? "lost"
          : "degraded";
  return (
    <p class={`line-words state-${mark}`} role="status" data-testid="quality" data-quality={words.value}>
      <Icon name={mark} /> {t(`quality-${words.value}`)}
    </p>
  );
}

function Mic({ devices }: { devices: Devices }) {
  const has = devices.audio.value !== null;
  const on = has && devices.micOn.value;
  const level = on ? Math.min(1, devices.level.value) : 0;
  return (
    <button
      type="button"
      class={`mic ${on ? "mic-on" : "mic-off"}`}
      disabled={!has}
      aria-pressed={on}
      data-testid="mic"
      onClick={() => devices.setMic(!devices.micOn.value)}
    >
      <span class="mic-level" style={{ transform: `scaleX(${level})` }} />
      <Icon name={on ? "mic" : "mic_off"} /> <span>{t(has ? (on ? "mic-on" : "mic-off") : "mic-none")}</span>
    </button>
  );
}

function CountState({ hall }: { hall: Hall }) {
  const counts = hall.state.value?.counts;
  return (
    <span class="count-state" role="status">
      {counts && (
        <span class="muted" data-testid="counts-line">
          {t("counts-sent-line", { present: number(counts.present), expected: number(counts.expected) })}
        </span>
      )}
      {hall.unsent.value > 0 && (
        <strong class="unsent" data-testid="unsent">
          {t("counts-pending", { n: hall.unsent.value })}
        </strong>
      )}
    </span>
  );
}

function FullScreen({ page }: { page: { current: HTMLDivElement | null } }) {
  const full = useSignal(false);
  useEffect(() => {
    const changed = () => (full.value = document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, []);
  if (!document.fullscreenEnabled) return null;
  const toggle = () =>
    document.fullscreenElement ? document.exitFullscreen() : page.current?.requestFullscreen();
  const words = t(full.value ? "full-screen-end" : "full-screen");
  return (
    <button type="button" class="quiet" title={words} onClick={() => void toggle()?.catch(() => undefined)}>
      <Icon name="full" /> <span class="wide">{words}</span>
    </button>
  );
}

/** A projector's laptop must not fall asleep; browsers drop the lock with the tab's visibility. */
function keepAwake(): () => void {
  let lock: WakeLockSentinel | null = null;
  const take = async () => {
    if (document.visibilityState === "visible") {
      lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    }
  };
  void take();
  document.addEventListener("visibilitychange", take);
  return () => {
    document.removeEventListener("visibilitychange", take);
    void lock?.release();
  };
}
