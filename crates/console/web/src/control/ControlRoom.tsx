import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { api } from "../api.ts";
import { t } from "../i18n/index.ts";
import { lookUp } from "../session.ts";
import { Name } from "../ui/parts.tsx";
import { Monitor } from "./Monitor.tsx";
import { Relays } from "./Relays.tsx";
import { SiteDetails } from "./SiteDetails.tsx";
import { SiteTree } from "./SiteTree.tsx";
import { Store } from "./store.ts";
import { Todo } from "./Todo.tsx";
import { TopBar } from "./TopBar.tsx";
import { Wall } from "./Wall.tsx";
import "../styles/control.css";

/** A blink of the line is not worth a banner. */
const BLINK_MS = 1500;

export function ControlRoom({ conference }: { conference: string }) {
  const store = useMemo(() => new Store(conference, async () => void (await lookUp())), [conference]);
  const cut = useSignal(false);
  useEffect(() => () => store.link.close(), [store]);
  useSignalEffect(() => {
    if (store.link.open.value) {
      cut.value = false;
      return;
    }
    const timer = setTimeout(() => (cut.value = true), BLINK_MS);
    return () => clearTimeout(timer);
  });
  const title = useComputed(() => store.head.value?.title ?? t("app-name"));
  useSignalEffect(() => {
    document.title = title.value;
  });
  return (
    <div class="control" data-theme="dark">
      {cut.value && (
        <p class="banner" role="alert" data-testid="link-lost">
          {t("link-lost")}
        </p>
      )}
      {store.head.value ? <Desk store={store} /> : <p class="empty loading">…</p>}
    </div>
  );
}

function Desk({ store }: { store: Store }) {
  return (
    <>
      <TopBar store={store} />
      <main class="desk">
        <SiteTree store={store} />
        <div class="middle">
          <Program store={store} />
          <SiteDetails store={store} />
          <Wall store={store} />
        </div>
        <div class="right">
          <Todo store={store} />
          <Relays store={store} />
        </div>
      </main>
    </>
  );
}

function Program({ store }: { store: Store }) {
  const head = store.head.value!;
  const chair = useComputed(() => {
    store.version.value;
    const code = store.head.value?.sitting.chair;
    return code ? (store.tree.nodes.get(code)?.site.name ?? code) : null;
  });
  return (
    <section class="panel program" aria-label={t("program")}>
      <h2>
        {t("program")}
        {chair.value && (
          <small>
            <Name>{chair.value}</Name>
          </small>
        )}
      </h2>
      <Monitor
        feed={head.id}
        grant={() => api.watchProgram(head.id)}
        testId="program-video"
        label={t("program")}
      />
    </section>
  );
}
