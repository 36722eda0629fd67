import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { WatchGrant } from "../protocol/WatchGrant.ts";
import { t } from "../i18n/index.ts";
import { preferH264 } from "../media/codecs.ts";
import { keep, type Keeper } from "../media/keeper.ts";
import { layerFor, type Layer } from "../media/layers.ts";
import { Icon } from "../ui/parts.tsx";

interface MonitorProps {
  /** Asked for before every connection: a grant is good for a minute. */
  grant: () => Promise<WatchGrant>;
  /** Another feed is another key. */
  feed: string;
  testId: string;
  label: string;
  /** No picture is to be expected; nothing is asked for. */
  off?: boolean;
}

/** One picture by WHEP, one video and one audio line, silent until asked. */
export function Monitor({ grant, feed, testId, label, off = false }: MonitorProps) {
  const video = useRef<HTMLVideoElement>(null);
  const keeper = useSignal<Keeper | null>(null);
  const sound = useSignal(false);
  const layer = useSignal<Layer>("best");
  useEffect(() => {
    // Pixels of the screen, not of the page: a small picture on a fine screen is still worth its lines.
    const measure = () => (layer.value = layerFor(video.current!.clientHeight * devicePixelRatio));
    const sizes = new ResizeObserver(measure);
    sizes.observe(video.current!);
    measure();
    return () => sizes.disconnect();
  }, []);
  useEffect(() => {
    if (off) return;
    const stream = new MediaStream();
    const made = keep({
      grant: async () => {
        const given = await grant();
        return { url: given.whep_url, token: given.token };
      },
      direction: "receive",
      layer,
      prepare: (pc) => {
        preferH264(pc.addTransceiver("video", { direction: "recvonly" }), "receive");
        pc.addTransceiver("audio", { direction: "recvonly" });
        stream.getTracks().forEach((track) => stream.removeTrack(track));
        pc.ontrack = (event) => stream.addTrack(event.track);
      },
    });
    video.current!.srcObject = stream;
    keeper.value = made;
    return () => {
      made.stop();
      keeper.value = null;
    };
  }, [feed, off]);

  const phase = keeper.value?.phase.value ?? "stopped";
  const words = off
    ? "video-off"
    : {
        connecting: "video-connecting",
        waiting: "video-waiting",
        retrying: "video-retry",
        stopped: "video-off",
        flowing: "",
      }[phase];
  return (
    <div class="monitor" data-phase={phase}>
      <video
        ref={video}
        autoplay
        playsInline
        muted={!sound.value}
        aria-label={label}
        data-testid={testId}
        data-frames-decoded={keeper.value?.stats.value.frames ?? 0}
        data-layer={layer.value}
      />
      {words && (
        <p class="monitor-words" role="status">
          {t(words)}
        </p>
      )}
      {!off && (
        <button
          type="button"
          class="sound"
          aria-pressed={sound.value}
          aria-label={t(sound.value ? "sound-off" : "sound-on")}
          title={t(sound.value ? "sound-off" : "sound-on")}
          onClick={() => (sound.value = !sound.value)}
        >
          <Icon name={sound.value ? "sound" : "sound_off"} />
        </button>
      )}
    </div>
  );
}
