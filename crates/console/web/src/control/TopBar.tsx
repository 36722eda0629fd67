import { useSignal } from "@preact/signals";
import { api, refusalWords } from "../api.ts";
import { age, clock, number, percent } from "../format.ts";
import { t } from "../i18n/index.ts";
import { now, session, signOut } from "../session.ts";
import { Dialog, LanguageSwitch } from "../ui/parts.tsx";
import type { Store } from "./store.ts";

export function TopBar({ store }: { store: Store }) {
  const head = store.head.value!;
  return (
    <header class="top">
      <a class="home" href="/" aria-label={t("conferences")}>
        <img src="/icon.svg" alt="" width="32" height="32" />
      </a>
      <h1>
        <bdi title={head.title}>{head.title}</bdi>
      </h1>
      <SittingControl store={store} />
      <CountLine store={store} />
      <time class="clock" data-testid="clock">
        {clock(now.value)}
      </time>
      <LanguageSwitch />
      <button type="button" class="quiet" onClick={signOut} title={session.value?.user ?? ""}>
        {t("sign-out")}
      </button>
    </header>
  );
}

function CountLine({ store }: { store: Store }) {
  const totals = store.head.value!.totals;
  const absent = totals.absent_excused + totals.absent_unexcused + totals.unclassified;
  const reported = { reported: number(totals.sites_reported), sites: number(totals.sites) };
  const title = t("count-title", {
    present: number(totals.present),
    expected: number(totals.expected),
    late: number(totals.late),
    absent: number(absent),
  });
  const rate = totals.expected > 0 ? (totals.present / totals.expected) * 100 : 0;
  const oldest = totals.oldest_report_at_ms;
  return (
    <p class="count-line" title={title} aria-label={title}>
      <strong data-testid="count-line">
        {t("count-line", { present: number(totals.present), ...reported })}
      </strong>
      <small>
        {t("count-expected", { expected: number(totals.expected) })}
        {totals.sites > 0 && totals.sites_reported === totals.sites ? ` · ${percent(rate)}` : ""}
        {oldest === null ? "" : ` · ${t("count-age", { age: age(now.value - oldest) })}`}
      </small>
    </p>
  );
}

function SittingControl({ store }: { store: Store }) {
  const { id, sitting, totals } = store.head.value!;
  const asking = useSignal(false);
  const failed = useSignal<unknown>(null);
  const next = sitting.next[0];

  const step = async () => {
    asking.value = false;
    failed.value = null;
    try {
      if (next) await api.step(id, next);
    } catch (error) {
      failed.value = error;
    }
  };
  return (
    <div class="sitting">
      <span
        class={`sitting-state sitting-${sitting.state}`}
        data-testid="sitting-state"
        data-state={sitting.state}
      >
        {t(`state-${sitting.state}`)}
      </span>
      {next && session.value?.role === "operator" && (
        <button
          type="button"
          class={next === "closed" ? "danger" : "primary"}
          data-testid="sitting-step"
          onClick={() => (next === "closed" ? (asking.value = true) : void step())}
        >
          {t(`step-${next}`)}
        </button>
      )}
      {session.value?.role === "viewer" && <span class="muted">{t("view-only")}</span>}
      {failed.value !== null && (
        <span class="refusal" role="alert" data-testid="step-fault">
          {refusalWords(failed.value)}
        </span>
      )}
      {asking.value && (
        <Dialog title={t("close-title")} onClose={() => (asking.value = false)}>
          <p>{t("close-text", { reported: number(totals.sites_reported), sites: number(totals.sites) })}</p>
          <div class="buttons">
            <button type="button" onClick={() => (asking.value = false)}>
              {t("cancel")}
            </button>
            <button type="button" class="danger" data-testid="confirm-close" onClick={() => void step()}>
              {t("step-closed")}
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
