/** Small parts that every page uses. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { language, switchLanguage, t } from "../i18n/index.ts";
import type { LegState } from "../protocol/LegState.ts";
import type { LinkState } from "../protocol/LinkState.ts";
import type { Tally } from "../protocol/Tally.ts";
import "../styles/home.css";

/** Shapes differ as well as colours: a state is never told by colour alone. */
const SHAPES = {
  ok: "M3.5 8.5l3 3 6-7",
  degraded: "M8 2.5l6 10.5H2zM8 6.5v3M8 11.2v.6",
  lost: "M4 4l8 8M12 4l-8 8",
  not_joined: "M8 3a5 5 0 1 0 .01 0",
  search: "M7 2.5a4.5 4.5 0 1 0 .01 0M10.5 10.5l3.5 3.5",
  open: "M4 6l4 4 4-4",
  closed: "M6 4l4 4-4 4",
  mic: "M8 2a2 2 0 0 1 2 2v4a2 2 0 0 1-4 0V4a2 2 0 0 1 2-2M4 8a4 4 0 0 0 8 0M8 12v2",
  mic_off: "M8 2a2 2 0 0 1 2 2v4a2 2 0 0 1-4 0V4a2 2 0 0 1 2-2M4 8a4 4 0 0 0 8 0M8 12v2M2.5 2.5l11 11",
  sound: "M3 6v4h2.5L9 13V3L5.5 6zM11 6a3 3 0 0 1 0 4M12.7 4.3a5.5 5.5 0 0 1 0 7.4",
  sound_off: "M3 6v4h2.5L9 13V3L5.5 6zM11.2 6.2l3.6 3.6M14.8 6.2l-3.6 3.6",
  full: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  people:
    "M6 7a2.2 2.2 0 1 0-.01 0M2 13c0-2.5 1.8-4 4-4s4 1.5 4 4M11 7.5a1.8 1.8 0 1 0-.01 0M11.5 9.5c1.6.2 2.7 1.5 2.7 3.5",
} as const;

export function Icon({ name }: { name: keyof typeof SHAPES }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[name]} />
    </svg>
  );
}

const LINK_WORDS: Record<LinkState, string> = {
  ok: "link-ok",
  degraded: "link-degraded",
  lost: "link-lost-state",
  not_joined: "link-not-joined",
};

export const linkWord = (state: LinkState): string => t(LINK_WORDS[state]);

export function StateMark({ state }: { state: LinkState }) {
  return (
    <span class={`state state-${state}`}>
      <Icon name={state} />
      <span>{linkWord(state)}</span>
    </span>
  );
}

const LEG_WORDS: Record<LegState, [string, LinkState]> = {
  connected: ["relay-connected", "ok"],
  connecting: ["relay-connecting", "degraded"],
  lost: ["relay-lost", "lost"],
};

export function LegMark({ state }: { state: LegState }) {
  const [word, mark] = LEG_WORDS[state];
  return (
    <span class={`state state-${mark}`}>
      <Icon name={mark} />
      <span>{t(word)}</span>
    </span>
  );
}

export const tallyKey = (tally: Tally): string => tally.replace("_", "-");

export function TallyMark({ tally }: { tally: Tally }) {
  if (tally === "off") return null;
  return <span class={`tally tally-${tally}`}>{t(`tally-${tallyKey(tally)}`)}</span>;
}

/** A site's name: any text at all, so it is a text node, isolated from the direction of its neighbours. */
export function Name({ children, class: cls }: { children: string; class?: string }) {
  return (
    <bdi class={`name ${cls ?? ""}`} title={children}>
      {children}
    </bdi>
  );
}

export function LanguageSwitch() {
  return (
    <button
      type="button"
      class="quiet"
      data-testid="language"
      lang={language.value === "vi" ? "en" : "vi"}
      title={t("language-other-title")}
      onClick={switchLanguage}
    >
      {t("language-other")}
    </button>
  );
}

/** A card in the middle of an otherwise empty page: the way in, and the page that is none. */
export function Sheet({ children }: { children: ComponentChildren }) {
  return (
    <div class="sheet" data-theme="light">
      <header>
        <img src="/icon.svg" alt="" width="40" height="40" />
        <strong>{t("app-name")}</strong>
        <LanguageSwitch />
      </header>
      <main>{children}</main>
    </div>
  );
}

interface DialogProps {
  title: string;
  /** Absent: the dialog stays until one of its buttons is pressed. */
  onClose?: () => void;
  testId?: string;
  children: ComponentChildren;
}

/** Modal: the page behind takes neither the keyboard nor the mouse. */
export function Dialog({ title, onClose, testId, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      role={onClose ? undefined : "alertdialog"}
      aria-label={title}
      data-testid={testId}
      onCancel={(event) => !onClose && event.preventDefault()}
      // A browser lets a second Escape close any dialog.
      onClose={onClose ?? (() => dialog.current?.showModal())}
    >
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}

export function Field({ label, ...input }: { label: string } & JSX.InputHTMLAttributes<HTMLInputElement>) {
  return (
    <label class="field">
      <span>{label}</span>
      <input {...input} />
    </label>
  );
}
