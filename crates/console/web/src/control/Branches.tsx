import { useComputed } from "@preact/signals";
import { number, percent } from "../format.ts";
import { t } from "../i18n/index.ts";
import { Name } from "../ui/parts.tsx";
import type { Store } from "./store.ts";
import type { SiteView } from "../protocol/SiteView.ts";
import { attendanceRate } from "./tree.ts";

const BRANCHES_MAX = 60;

/** Head count by branch, shown while no site is chosen: where reports are missing comes first. */
export function Branches({ store }: { store: Store }) {
  const branches = useComputed(() => (store.version.value, store.tree.branches()));
  const more = branches.value.length - BRANCHES_MAX;
  return (
    <section class="panel branches" aria-label={t("branches")} data-testid="branches">
      <h2>{t("branches")}</h2>
      <div class="scroll" tabIndex={0} role="group" aria-label={t("branches")}>
        <Sums store={store} />
        <table>
          <thead>
            <tr>
              <th scope="col">{t("branch")}</th>
              <th scope="col">{t("branch-reported")}</th>
              <th scope="col" class="spare">
                {t("counts-present")}
              </th>
              <th scope="col" title={t("branch-rate-title")}>
                {t("branch-rate")}
              </th>
            </tr>
          </thead>
          <tbody>
            {branches.value.slice(0, BRANCHES_MAX).map((node) => (
              <BranchLine key={node.site.code} site={node.site} store={store} />
            ))}
          </tbody>
        </table>
        {more > 0 && <p class="muted">{t("and-more", { n: number(more) })}</p>}
        <p class="muted">{t("select-a-site")}</p>
      </div>
    </section>
  );
}

function Sums({ store }: { store: Store }) {
  const totals = store.head.value!.totals;
  const lines: [string, number][] = [
    ["counts-expected", totals.expected],
    ["counts-present", totals.present],
    ["late-short", totals.late],
    ["counts-excused", totals.absent_excused],
    ["counts-unexcused", totals.absent_unexcused],
    ["counts-unclassified", totals.unclassified],
  ];
  return (
    <dl class="health spare">
      {lines.map(([label, value]) => (
        <div key={label}>
          <dt>{t(label)}</dt>
          <dd>{number(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Takes the site, which is replaced when it changes, not the node, which changes in place. */
function BranchLine({ site, store }: { site: SiteView; store: Store }) {
  const { code, name, subtree } = site;
  const rate = attendanceRate(subtree);
  return (
    <tr data-testid={`branch-${code}`}>
      <th scope="row">
        <button type="button" class="line" onClick={() => (store.selected.value = code)}>
          <Name>{name}</Name>
        </button>
      </th>
      <td class={subtree.sites_reported < subtree.sites ? "short" : ""}>
        {number(subtree.sites_reported)}/{number(subtree.sites)}
      </td>
      <td class="spare">{number(subtree.present)}</td>
      <td>{rate === null ? "–" : percent(rate)}</td>
    </tr>
  );
}
