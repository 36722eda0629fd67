import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api, Refused, refusalWords } from "../api.ts";
import { number } from "../format.ts";
import { t } from "../i18n/index.ts";
import type { ConferenceSummary } from "../protocol/ConferenceSummary.ts";
import { lookUp, session, signOut } from "../session.ts";
import { Field, Sheet } from "../ui/parts.tsx";

/** Shows `children` to whoever is signed in, the sign-in form to everybody else. */
export function SignedIn({ children }: { children: () => preact.ComponentChildren }) {
  const failure = useSignal<unknown>(null);
  useEffect(() => {
    if (session.value === undefined) void lookUp().then((error) => (failure.value = error));
  }, []);
  if (session.value) return <>{children()}</>;
  if (session.value === null || failure.value) return <SignIn earlier={failure.value} />;
  return null;
}

function SignIn({ earlier }: { earlier: unknown }) {
  const failure = useSignal<unknown>(earlier);
  const busy = useSignal(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    busy.value = true;
    failure.value = null;
    try {
      session.value = await api.signIn(String(form.get("user")), String(form.get("password")));
    } catch (error) {
      failure.value = error;
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
        {failure.value !== null && (
          <p class="refusal" role="alert" data-testid="sign-in-fault">
            {words(failure.value)}
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
  return error instanceof Refused && error.status === 401 ? t("sign-in-wrong") : refusalWords(error);
}

export function Conferences() {
  const list = useSignal<ConferenceSummary[] | null>(null);
  const failed = useSignal<unknown>(null);
  const load = async () => {
    failed.value = null;
    try {
      list.value = await api.conferences();
    } catch (error) {
      if (error instanceof Refused && error.status === 401) session.value = null;
      failed.value = error;
    }
  };
  useEffect(() => void load(), []);
  return (
    <Sheet>
      <h1>{t("conferences")}</h1>
      {failed.value !== null && (
        <p class="refusal" role="alert">
          {refusalWords(failed.value)}{" "}
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
