import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n/index.ts";
import { Icon } from "../ui/parts.tsx";

/** Program and floor sound, each in an element of its own; a button when the browser wants a touch first. */
export function ProgramSound({ tracks }: { tracks: MediaStreamTrack[] }) {
  const box = useRef<HTMLDivElement>(null);
  const blocked = useSignal(false);
  const play = async () => {
    const players = [...(box.current?.querySelectorAll("audio") ?? [])];
    // A track that has sent nothing yet keeps `play` waiting without refusing: only a refusal counts.
    for (const player of players) {
      player.play().then(
        () => (blocked.value = false),
        (error: unknown) => {
          if (error instanceof Error && error.name === "NotAllowedError") blocked.value = true;
        },
      );
    }
  };
  useEffect(() => {
    box.current?.querySelectorAll("audio").forEach((player, i) => {
      const track = tracks[i];
      player.srcObject = track ? new MediaStream([track]) : null;
    });
    void play();
  }, [tracks[0], tracks[1]]);
  return (
    <div ref={box} class="program-sound">
      <audio data-testid="program-audio" />
      <audio data-testid="floor-audio" />
      {blocked.value && (
        <button type="button" class="primary big" data-testid="sound-on" onClick={() => void play()}>
          <Icon name="sound" /> {t("sound-on")}
        </button>
      )}
    </div>
  );
}
