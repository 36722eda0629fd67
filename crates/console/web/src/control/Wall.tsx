import { useComputed } from "@preact/signals";
import { number, percent } from "../format.ts";
import { t } from "../i18n/index.ts";
import { Name, StateMark, TallyMark } from "../ui/parts.tsx";
import type { Store } from "./store.ts";

const TILES_MAX = 40;

/** The halls that need looking at, worst first. */
export function Wall({ store }: { store: Store }) {
  const sites = useComputed(() => (store.version.value, store.tree.worstFirst()));
  const more = sites.value.length - TILES_MAX;
  return (
    <section class="panel wall" aria-label={t("wall")}>
      <h2>
        {t("wall")} <small>{t("wall-hint")}</small>
        {more > 0 && <small class="more">{t("wall-more", { n: number(more) })}</small>}
      </h2>
      <div class="tiles">
        {sites.value.slice(0, TILES_MAX).map(({ site }) => (
          <button
            key={site.code}
            type="button"
            class={`tile edge-${site.link.state}`}
            aria-pressed={store.selected.value === site.code}
            data-testid={`tile-${site.code}`}
            onClick={() => (store.selected.value = site.code)}
          >
            <Name>{site.name}</Name>
            <span class="tile-line">
              <StateMark state={site.link.state} />
              <TallyMark tally={site.tally} />
              {site.link.loss_percent >= 0.1 && <span>{percent(site.link.loss_percent)}</span>}
            </span>
            <span class="tile-count muted">
              {site.counts
                ? `${number(site.counts.present)}/${number(site.counts.expected)}`
                : t("unreported")}
            </span>
          </button>
        ))}
      </div>
    </section>
  );
}
