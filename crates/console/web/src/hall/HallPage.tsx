import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { api, Refused, refusalWords } from "../api.ts";
import { t } from "../i18n/index.ts";
import { LanguageSwitch, Name } from "../ui/parts.tsx";
import { Check } from "./Check.tsx";
import { credentialIn, recall, remember } from "./credential.ts";
import { Devices } from "./devices.ts";
import { Hall } from "./hall.ts";
import { Watch } from "./Watch.tsx";
import "../styles/hall.css";

declare global {
  interface Window {
    /** For tests and for a technician's console: the hall's counters, as reported to the control room. */
    diemcau?: { stats: () => unknown };
  }
}

/** Join → devices and checks → program. A reload comes back to where it was. */
export function HallPage() {
  const devices = useMemo(() => new Devices(), []);
  const hall = useSignal<Hall | null>(null);
  const entered = useSignal(false);
  const credential = useSignal("");
  const fault = useSignal<unknown>(null);
  const busy = useSignal(false);

  const begin = (grant: Hall["grant"], secret: string, already: boolean) => {
    hall.value?.end();
    const joined = new Hall(grant, devices, () => rejoin(secret));
    hall.value = joined;
    entered.value = already;
    remember({ credential: secret, grant, entered: already });
    window.diemcau = { stats: () => joined.stats() };
    if (already) joined.enter();
  };
  const join = async (secret: string, already = false): Promise<void> => {
    credential.value = secret;
    busy.value = true;
    fault.value = null;
    try {
      begin(await api.join(secret), secret, already);
    } catch (error) {
      fault.value = error;
    }
    busy.value = false;
  };
  /** The token ended: the credential gives a new one. A withdrawn credential sends the page back to its start. */
  const rejoin = async (secret: string) => {
    try {
      const grant = await api.join(secret);
      const running = hall.value;
      if (running?.grant.site !== grant.site || running.grant.conference !== grant.conference) {
        return begin(grant, secret, entered.value);
      }
      running.renew(grant);
      remember({ credential: secret, grant, entered: entered.value });
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 429 || error.status >= 500) return;
      leave();
      fault.value = error;
    }
  };
  const leave = () => {
    hall.value?.end();
    hall.value = null;
    devices.close();
    remember(null);
  };
  useEffect(() => {
    const kept = recall();
    const secret = credentialIn(location.hash);
    // The secret does not stay in the address bar of a machine on a projector.
    if (secret) history.replaceState(null, "", location.pathname);
    if (secret && secret !== kept?.credential) void join(secret);
    else if (kept) begin(kept.grant, kept.credential, kept.entered);
  }, []);

  const joined = hall.value;
  if (joined && entered.value) {
    return (
      <Watch
        hall={joined}
        devices={devices}
        onLeave={leave}
        onAgain={() => void join(credential.value || recall()?.credential || "", true)}
      />
    );
  }
  return (
    <div class="hall-sheet" data-theme="light">
      <header>
        <img src="/icon.svg" alt="" width="36" height="36" />
        <div>
          <strong>{joined ? <Name>{joined.grant.site_name}</Name> : t("app-name")}</strong>
          {joined && (
            <small>
              <Name>{joined.grant.conference_title}</Name>
            </small>
          )}
        </div>
        <LanguageSwitch />
      </header>
      {joined ? (
        <Check
          hall={joined}
          devices={devices}
          onEnter={() => {
            joined.enter();
            entered.value = true;
            remember({
              credential: credential.value || (recall()?.credential ?? ""),
              grant: joined.grant,
              entered: true,
            });
          }}
        />
      ) : (
        <JoinForm
          busy={busy.value}
          fault={fault.value}
          typed={credential.value}
          onJoin={(secret) => void join(secret)}
        />
      )}
    </div>
  );
}

function words(error: unknown): string {
  const wrong = error instanceof Refused && [400, 401, 404, 422].includes(error.status);
  return wrong ? t("hall-code-wrong") : refusalWords(error);
}

interface JoinFormProps {
  busy: boolean;
  fault: unknown;
  typed: string;
  onJoin: (credential: string) => void;
}

function JoinForm({ busy, fault, typed, onJoin }: JoinFormProps) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const credential = credentialIn(String(form.get("code")));
    if (credential) onJoin(credential);
  };
  return (
    <main class="join">
      <h1>{t("hall-title")}</h1>
      <p class="muted">{t("hall-intro")}</p>
      <form onSubmit={submit}>
        <label class="field">
          <span>{t("hall-code")}</span>
          <input
            name="code"
            class="code-input"
            data-testid="join-code"
            placeholder="XXXX-XXXX"
            autocomplete="off"
            autocapitalize="characters"
            spellcheck={false}
            defaultValue={typed.length <= 12 ? typed : ""}
            required
            autofocus
          />
        </label>
        {fault !== null && (
          <p class="refusal" role="alert" data-testid="join-fault">
            {words(fault)}
          </p>
        )}
        <button type="submit" class="primary big" disabled={busy} data-testid="join">
          {t(busy ? "hall-joining" : "hall-join")}
        </button>
      </form>
    </main>
  );
}
