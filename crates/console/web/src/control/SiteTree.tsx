import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { number } from "../format.ts";
import { t } from "../i18n/index.ts";
import type { LinkState } from "../protocol/LinkState.ts";
import { Icon, linkWord } from "../ui/parts.tsx";
import { SiteRow } from "./SiteRow.tsx";
import type { Store } from "./store.ts";
import { STATES, type Row } from "./tree.ts";
import "../styles/tree.css";

const ROW_PX = 46;
/** Rows kept above and below the window, so that a quick scroll shows no gap. */
const SPARE_ROWS = 8;

export function SiteTree({ store }: { store: Store }) {
  const query = useSignal("");
  const filter = useSignal<LinkState | null>(null);
  const worstFirst = useSignal(true);
  const closed = useSignal<ReadonlySet<string>>(new Set());
  const listed = useComputed(() => {
    store.version.value;
    const view = {
      query: query.value,
      filter: filter.value,
      worstFirst: worstFirst.value,
      closed: closed.value,
    };
    return store.tree.rows(view);
  });
  const toggle = (code: string, open: boolean) => {
    const next = new Set(closed.value);
    if (open) next.delete(code);
    else next.add(code);
    closed.value = next;
  };
  const hubs = () =>
    [...store.tree.nodes.values()].filter((node) => node.depth > 0 && node.children.length > 0);
  const narrowed = query.value !== "" || filter.value !== null;
  return (
    <section class="panel tree-panel" aria-label={t("sites")}>
      <div class="search">
        <Icon name="search" />
        <input
          type="search"
          data-testid="search"
          placeholder={t("search")}
          aria-label={t("search")}
          value={query.value}
          onInput={(event) => (query.value = event.currentTarget.value)}
        />
      </div>
      <Filters store={store} chosen={filter.value} onChoose={(state) => (filter.value = state)} />
      <div class="tree-tools">
        <label class="check">
          <input
            type="checkbox"
            checked={worstFirst.value}
            onChange={(event) => (worstFirst.value = event.currentTarget.checked)}
          />
          {t("worst-first")}
        </label>
        {narrowed ? (
          <span role="status">{t("tree-found", { n: number(listed.value.found) })}</span>
        ) : (
          <button
            type="button"
            class="quiet"
            onClick={() =>
              (closed.value = closed.value.size ? new Set() : new Set(hubs().map((n) => n.site.code)))
            }
          >
            {t(closed.value.size ? "unfold-all" : "fold-all")}
          </button>
        )}
      </div>
      <Rows rows={listed.value.rows} store={store} onToggle={toggle} />
      {listed.value.rows.length === 0 && <p class="empty">{t("tree-none")}</p>}
    </section>
  );
}

interface FiltersProps {
  store: Store;
  chosen: LinkState | null;
  onChoose: (state: LinkState | null) => void;
}

function Filters({ store, chosen, onChoose }: FiltersProps) {
  const tallies = store.tallies.value;
  return (
    <div class="filters" role="group" aria-label={t("filter-label")}>
      <button type="button" aria-pressed={chosen === null} onClick={() => onChoose(null)}>
        {t("filter-all")} <b>{number(store.tree.nodes.size)}</b>
      </button>
      {STATES.map((state) => (
        <button
          key={state}
          type="button"
          class={`state-${state}`}
          aria-pressed={chosen === state}
          data-testid={`filter-${state}`}
          onClick={() => onChoose(chosen === state ? null : state)}
        >
          <Icon name={state} /> {linkWord(state)} <b>{number(tallies[state])}</b>
        </button>
      ))}
    </div>
  );
}

interface RowsProps {
  rows: Row[];
  store: Store;
  onToggle: (code: string, open: boolean) => void;
}

/** Only the rows in the window are in the page: 40,000 sites scroll like 50. */
function Rows({ rows, store, onToggle }: RowsProps) {
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(800);
  const active = useSignal<string | null>(null);
  useEffect(() => {
    const observer = new ResizeObserver(() => (height.value = box.current?.clientHeight ?? 800));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  const first = Math.max(0, Math.floor(top.value / ROW_PX) - SPARE_ROWS);
  const last = Math.min(rows.length, Math.ceil((top.value + height.value) / ROW_PX) + SPARE_ROWS);
  const at = Math.max(
    0,
    rows.findIndex((row) => row.node.site.code === (active.value ?? store.selected.value)),
  );

  const go = (index: number) => {
    const row = rows[Math.min(Math.max(index, 0), rows.length - 1)];
    if (!row || !box.current) return;
    active.value = row.node.site.code;
    const y = rows.indexOf(row) * ROW_PX;
    if (y < box.current.scrollTop) box.current.scrollTop = y;
    const bottom = box.current.scrollTop + box.current.clientHeight - ROW_PX;
    if (y > bottom) box.current.scrollTop = y - box.current.clientHeight + ROW_PX;
    top.value = box.current.scrollTop;
  };
  const onKey = (event: KeyboardEvent) => {
    const row = rows[at];
    if (!row) return;
    const page = Math.floor(height.value / ROW_PX) - 1;
    const moves: Record<string, () => void> = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      PageDown: () => go(at + page),
      PageUp: () => go(at - page),
      Home: () => go(0),
      End: () => go(rows.length - 1),
      ArrowRight: () =>
        row.node.children.length && !row.open ? onToggle(row.node.site.code, true) : go(at + 1),
      ArrowLeft: () =>
        row.open
          ? onToggle(row.node.site.code, false)
          : go(rows.findIndex((r) => r.node === row.node.parent)),
      Enter: () => (store.selected.value = row.node.site.code),
      " ": () => (store.selected.value = row.node.site.code),
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  };
  return (
    <div
      ref={box}
      class="rows"
      role="tree"
      tabIndex={0}
      aria-label={t("sites")}
      aria-activedescendant={at >= first && at < last ? `row-${rows[at]?.node.site.code}` : undefined}
      data-testid="tree"
      onScroll={(event) => (top.value = event.currentTarget.scrollTop)}
      onKeyDown={onKey}
    >
      <div class="rows-all" role="none" style={{ height: `${rows.length * ROW_PX}px` }}>
        {rows.slice(first, last).map((row, i) => (
          <SiteRow
            key={row.node.site.code}
            row={row}
            y={(first + i) * ROW_PX}
            active={first + i === at}
            selected={store.selected.value === row.node.site.code}
            onSelect={() => {
              active.value = row.node.site.code;
              store.selected.value = row.node.site.code;
            }}
            onToggle={() => onToggle(row.node.site.code, !row.open)}
          />
        ))}
      </div>
    </div>
  );
}
