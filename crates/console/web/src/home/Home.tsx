import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api, Refused, Silent } from "../api.ts";
import { number } from "../format.ts";
import { t } from "../i18n/index.ts";
import type { ConferenceSummary } from "../protocol/ConferenceSummary.ts";
import { lookUp, session, signOut } from "../session.ts";
import { Field, LanguageSwitch } from "../ui/parts.tsx";
import "../styles/home.css";

/** Shows `children` to whoever is signed in, the sign-in form to everybody else. */
export function SignedIn({ children }: { children: () => preact.ComponentChildren }) {
  const silent = useSignal(false);
  useEffect(() => {
    if (session.value === undefined) void lookUp().then((answered) => (silent.value = !answered));
  }, []);
  if (session.value) return <>{children()}</>;
  if (session.value === null || silent.value) return <SignIn silent={silent.value} />;
  return null;
}

function Sheet({ children }: { children: preact.ComponentChildren }) {
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

function SignIn({ silent }: { silent: boolean }) {
  const wrong = useSignal<string | null>(silent ? "server-silent" : null);
  const busy = useSignal(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    busy.value = true;
    wrong.value = null;
    try {
      session.value = await api.signIn(String(form.get("user")), String(form.get("password")));
    } catch (error) {
      wrong.value = words(error);
    }
    busy.value = false;
  };
  return (
    <Sheet>
      <h1>{t("sign-in-title")}</h1>
      <p class="muted">{t("sign-in-intro")}</p>
      <form onSubmit={(event) => void submit(event)}>
        <Field label={t("user")} name="user" autocomplete="username" required autofocus data-testid="user" />
        <Field
          label={t("password")}
          name="password"
          type="password"
          autocomplete="current-password"
          required
          data-testid="password"
        />
        {wrong.value && (
          <p class="refusal" role="alert">
            {t(wrong.value)}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy.value} data-testid="sign-in">
          {t(busy.value ? "signing-in" : "sign-in")}
        </button>
      </form>
      <p class="aside">
        {t("hall-hint")} <a href="/hall">{t("hall-hint-link")}</a>
      </p>
    </Sheet>
  );
}

function words(error: unknown): string {
  if (error instanceof Silent) return "server-silent";
  if (error instanceof Refused && error.status === 401) return "sign-in-wrong";
  return error instanceof Error ? error.message : String(error);
}

export function Conferences() {
  const list = useSignal<ConferenceSummary[] | null>(null);
  const failed = useSignal(false);
  const load = async () => {
    failed.value = false;
    try {
      list.value = await api.conferences();
    } catch (error) {
      if (error instanceof Refused && error.status === 401) session.value = null;
      failed.value = true;
    }
  };
  useEffect(() => void load(), []);
  return (
    <Sheet>
      <h1>{t("conferences")}</h1>
      {failed.value && (
        <p class="refusal" role="alert">
          {t("server-silent")}{" "}
          <button type="button" onClick={() => void load()}>
            {t("retry")}
          </button>
        </p>
      )}
      {list.value?.length === 0 && <p class="muted">{t("conferences-none")}</p>}
      <ul class="conferences">
        {list.value?.map((conference) => (
          <li key={conference.id}>
            <a
              href={`/control/${encodeURIComponent(conference.id)}`}
              data-testid={`conference-${conference.id}`}
            >
              <strong>
                <bdi>{conference.title}</bdi>
              </strong>
              <span class="muted">
                {t("conference-sites", { n: number(conference.sites) })} · {t(`state-${conference.state}`)}
              </span>
              <span class="go">{t("open-control-room")}</span>
            </a>
          </li>
        ))}
      </ul>
      <p class="aside">
        {session.value?.user}{" "}
        <button type="button" class="quiet" onClick={() => void signOut()}>
          {t("sign-out")}
        </button>
      </p>
    </Sheet>
  );
}
