import { age, milliseconds, number, percent } from "../format.ts";
import { t } from "../i18n/index.ts";
import { now } from "../session.ts";
import { Icon, Name } from "../ui/parts.tsx";
import type { Alarm, AlarmKind } from "./alarms.ts";
import type { Store } from "./store.ts";
import type { Node } from "./tree.ts";

/** A list that nobody works through to its end is cut here; the count says how long it is. */
const LIST_MAX = 30;

const MARKS: Record<AlarmKind, "lost" | "degraded"> = {
  relay_lost: "lost",
  branch_lost: "lost",
  lost: "lost",
  no_program: "degraded",
  frozen: "degraded",
  no_picture: "degraded",
  loss: "degraded",
  slow: "degraded",
  unsteady: "degraded",
};

export function Todo({ store }: { store: Store }) {
  const list = store.alarms.value;
  const { notJoined, notReported } = store.missing.value;
  const nothing = list.length + notJoined.length + notReported.length === 0;
  return (
    <section class="panel todo" aria-label={t("todo")}>
      <h2>{t("todo")}</h2>
      {nothing && <p class="empty good">{t("todo-none")}</p>}
      {list.length > 0 && (
        <Group title={t("alarms")} count={list.length} testId="alarms">
          {list.slice(0, LIST_MAX).map((alarm) => (
            <AlarmLine
              key={`${alarm.kind}${alarm.relay}${alarm.node?.site.code}`}
              alarm={alarm}
              store={store}
            />
          ))}
        </Group>
      )}
      <Sites title={t("not-joined-list")} nodes={notJoined} store={store} testId="not-joined" />
      <Sites title={t("not-reported-list")} nodes={notReported} store={store} testId="not-reported" />
    </section>
  );
}

/** Where a site hangs: many a commune has a hall of the same name. */
export function Path({ node }: { node: Node }) {
  if (!node.parent) return null;
  return (
    <span class="path">
      <Name>{node.parent.site.name}</Name>
    </span>
  );
}

interface GroupProps {
  title: string;
  count: number;
  testId: string;
  children: preact.ComponentChildren;
}

function Group({ title, count, testId, children }: GroupProps) {
  return (
    <details open data-testid={testId} data-count={count}>
      <summary>
        {title} <b>{number(count)}</b>
      </summary>
      <ul>{children}</ul>
      {count > LIST_MAX && <p class="muted more">{t("and-more", { n: number(count - LIST_MAX) })}</p>}
    </details>
  );
}

function AlarmLine({ alarm, store }: { alarm: Alarm; store: Store }) {
  const name = alarm.kind.replaceAll("_", "-");
  const link = alarm.node?.site.link;
  const what = t(`alarm-${name}`, {
    n: number(alarm.sites),
    relay: alarm.relay ?? "",
    loss: percent(link?.loss_percent ?? 0),
    rtt: milliseconds(link?.rtt_ms ?? null),
  });
  return (
    <li>
      <button
        type="button"
        class={`alarm edge-${MARKS[alarm.kind]}`}
        onClick={() => alarm.node && (store.selected.value = alarm.node.site.code)}
      >
        <span class={`alarm-what state-${MARKS[alarm.kind]}`}>
          <Icon name={MARKS[alarm.kind]} /> <b>{what}</b>
          {alarm.sinceMs > 0 && <small>{age(now.value - alarm.sinceMs)}</small>}
        </span>
        {alarm.node && <Name>{alarm.node.site.name}</Name>}
        {alarm.node && <Path node={alarm.node} />}
        <span class="muted">{t(`do-${name}`)}</span>
      </button>
    </li>
  );
}

interface SitesProps {
  title: string;
  nodes: Node[];
  store: Store;
  testId: string;
}

function Sites({ title, nodes, store, testId }: SitesProps) {
  if (nodes.length === 0) return null;
  return (
    <Group title={title} count={nodes.length} testId={testId}>
      {nodes.slice(0, LIST_MAX).map(({ site }) => (
        <li key={site.code}>
          <button type="button" class="line" onClick={() => (store.selected.value = site.code)}>
            <Name>{site.name}</Name>
          </button>
        </li>
      ))}
    </Group>
  );
}
