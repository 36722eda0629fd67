import { number } from "../format.ts";
import { t } from "../i18n/index.ts";
import { Icon, Name, StateMark, TallyMark } from "../ui/parts.tsx";
import type { Row } from "./tree.ts";

interface SiteRowProps {
  row: Row;
  y: number;
  active: boolean;
  selected: boolean;
  onSelect: () => void;
  onToggle: () => void;
}

export function SiteRow({ row, y, active, selected, onSelect, onToggle }: SiteRowProps) {
  const { node } = row;
  const { site } = node;
  const hub = node.children.length > 0;
  return (
    <div
      id={`row-${site.code}`}
      class={`row ${row.context ? "context" : ""} ${active ? "active" : ""}`}
      role="treeitem"
      aria-level={node.depth + 1}
      aria-posinset={row.place}
      aria-setsize={row.siblings}
      aria-expanded={hub ? row.open : undefined}
      aria-selected={selected}
      data-testid={`site-${site.code}`}
      data-state={site.link.state}
      style={{ transform: `translateY(${y}px)`, paddingLeft: `${8 + node.depth * 16}px` }}
      onClick={onSelect}
    >
      {hub ? (
        <span
          class="fold"
          aria-hidden="true"
          onClick={(event) => {
            event.stopPropagation();
            onToggle();
          }}
        >
          <Icon name={row.open ? "open" : "closed"} />
        </span>
      ) : (
        <span class="fold" />
      )}
      <div class="row-main">
        <div class="row-line">
          <Name>{site.name}</Name>
          <TallyMark tally={site.tally} />
        </div>
        <div class="row-line muted">
          <StateMark state={site.link.state} />
          {site.link.reasons[0] && (
            <span class="reason">{t(`reason-${site.link.reasons[0].replaceAll("_", "-")}`)}</span>
          )}
          {hub && <Branch row={row} />}
        </div>
      </div>
      <Figures row={row} />
    </div>
  );
}

/** What a branch hides when it is folded. */
function Branch({ row }: { row: Row }) {
  const { lost, degraded, not_joined } = row.node.below;
  const title = t("branch-summary", {
    lost: number(lost),
    degraded: number(degraded),
    notjoined: number(not_joined),
  });
  const bad = [
    ["lost", lost],
    ["degraded", degraded],
    ["not_joined", not_joined],
  ] as const;
  return (
    <span class="branch" title={title} aria-label={title}>
      {bad
        .filter(([, count]) => count > 0)
        .map(([state, count]) => (
          <span key={state} class={`state-${state}`}>
            <Icon name={state} />
            {number(count)}
          </span>
        ))}
    </span>
  );
}

function Figures({ row }: { row: Row }) {
  const { site, children } = row.node;
  if (children.length > 0) {
    const { present, expected, sites_reported, sites } = site.subtree;
    return (
      <div class="row-figures" data-testid={`count-${site.code}`}>
        <span>
          <b>{number(present)}</b>
          <small>/{number(expected)}</small>
        </span>
        <small data-testid={`reported-${site.code}`}>
          {t("reported-of", { reported: number(sites_reported), sites: number(sites) })}
        </small>
      </div>
    );
  }
  return (
    <div class="row-figures" data-testid={`count-${site.code}`}>
      {site.counts ? (
        <>
          <b>{number(site.counts.present)}</b>
          <small>/{number(site.counts.expected)}</small>
        </>
      ) : (
        <small>{site.counted ? t("unreported") : ""}</small>
      )}
    </div>
  );
}
