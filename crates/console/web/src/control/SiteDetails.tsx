import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api, refusalWords } from "../api.ts";
import { bitrate, clock, frameRate, milliseconds, number, percent } from "../format.ts";
import { t } from "../i18n/index.ts";
import type { SiteLink } from "../protocol/SiteLink.ts";
import type { SiteView } from "../protocol/SiteView.ts";
import { session } from "../session.ts";
import { Name, StateMark, TallyMark } from "../ui/parts.tsx";
import { Branches } from "./Branches.tsx";
import { Monitor } from "./Monitor.tsx";
import { Path } from "./Todo.tsx";
import type { Store } from "./store.ts";
import type { Node } from "./tree.ts";

export function SiteDetails({ store }: { store: Store }) {
  const chosen = store.chosen.value;
  if (!chosen) return <Branches store={store} />;
  return (
    <section class="panel details" aria-label={t("selected-site")} data-testid="details">
      <Chosen {...chosen} conference={store.head.value!.id} onClose={() => (store.selected.value = null)} />
    </section>
  );
}

interface ChosenProps {
  node: Node;
  site: SiteView;
  conference: string;
  onClose: () => void;
}

function Chosen({ node, site, conference, onClose }: ChosenProps) {
  const silent =
    site.link_mode !== "two_way" || site.link.state === "not_joined" || site.link.state === "lost";
  return (
    <>
      <h2>
        <Name>{site.name}</Name>
        <TallyMark tally={site.tally} />
        <button type="button" class="quiet close" data-testid="close-details" onClick={onClose}>
          {t("close")}
        </button>
      </h2>
      <p>
        <Path node={node} />
      </p>
      <Monitor
        feed={site.code}
        grant={() => api.watchSite(conference, site.code)}
        testId="site-video"
        label={site.name}
        off={silent}
      />
      <p class="detail-state">
        <StateMark state={site.link.state} />
        {site.link.reasons.map((reason) => (
          <span key={reason} class="reason">
            {t(`reason-${reason.replaceAll("_", "-")}`)}
          </span>
        ))}
        <code>{site.code}</code>
      </p>
      <Health site={site} />
      <SiteFigures site={site} branch={node.children.length > 0} />
      {session.value?.role === "operator" && (
        <Invitation key={site.code} conference={conference} site={site.code} />
      )}
    </>
  );
}

function Health({ site }: { site: SiteView }) {
  const { link } = site;
  const joined = link.state !== "not_joined";
  const shown = (text: string) => (joined ? text : "–");
  const lines: [string, string, string][] = [
    ["loss", t("health-loss"), shown(percent(link.loss_percent))],
    ["rtt", t("health-rtt"), milliseconds(link.rtt_ms)],
    ["bitrate", t("health-bitrate"), shown(bitrate(link.return_bitrate_bps))],
    ["frames", t("health-frames"), shown(frameRate(link.return_frame_rate))],
    ["holes", t("health-holes"), shown(number(link.program_holes))],
    ["program", t("health-program"), shown(t("health-packets", { n: number(link.program_packets) }))],
    ["relay", t("health-relay"), site.relay ?? "–"],
    ["mode", t("health-mode"), t(`mode-${site.link_mode.replace("_", "-")}`)],
    ["since", t("health-since"), joined && link.since_ms > 0 ? clock(link.since_ms) : "–"],
  ];
  return (
    <dl class="health">
      {lines.map(([id, label, value]) => (
        <div key={id}>
          <dt>{label}</dt>
          <dd data-testid={`health-${id}`}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Takes the site, which is replaced when it changes, not the node, which changes in place. */
function SiteFigures({ site, branch }: { site: SiteView; branch: boolean }) {
  const { counts, subtree } = site;
  return (
    <table class="figures" data-testid="figures">
      <thead>
        <tr>
          <th scope="col">{t("figures")}</th>
          <th scope="col">{t("counts-expected")}</th>
          <th scope="col">{t("counts-present")}</th>
          <th scope="col">{t("late-short")}</th>
          <th scope="col">{t("counts-excused")}</th>
          <th scope="col">{t("counts-unexcused")}</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">{site.code}</th>
          {counts ? (
            <FigureCells {...counts} />
          ) : (
            <td colSpan={5} class="muted">
              {site.counted ? t("no-figures") : "–"}
            </td>
          )}
        </tr>
        {branch && (
          <tr>
            <th scope="row">
              {t("figures-subtree")} ({number(subtree.sites_reported)}/{number(subtree.sites)})
            </th>
            <FigureCells {...subtree} />
          </tr>
        )}
      </tbody>
    </table>
  );
}

type Cells = Pick<
  SiteView["subtree"],
  "expected" | "present" | "late" | "absent_excused" | "absent_unexcused"
>;

function FigureCells(cells: Cells) {
  const values = [cells.expected, cells.present, cells.late, cells.absent_excused, cells.absent_unexcused];
  return (
    <>
      {values.map((value, i) => (
        <td key={i}>{number(value)}</td>
      ))}
    </>
  );
}

/** The link and the code that let a hall in: shown on request only, since whoever sees them can join. */
function Invitation({ conference, site }: { conference: string; site: string }) {
  const link = useSignal<SiteLink | null>(null);
  const failed = useSignal<unknown>(null);
  const copied = useSignal(false);
  useEffect(() => {
    if (!copied.value) return;
    const timer = setTimeout(() => (copied.value = false), 2000);
    return () => clearTimeout(timer);
  }, [copied.value]);
  const show = async () => {
    failed.value = null;
    try {
      link.value = await api.siteLink(conference, site);
    } catch (error) {
      failed.value = error;
    }
  };
  const copy = async () => {
    await navigator.clipboard?.writeText(link.value!.url).catch(() => undefined);
    copied.value = true;
  };
  if (!link.value) {
    return (
      <p class="invite">
        <button type="button" data-testid="show-link" onClick={() => void show()}>
          {t("show-link")}
        </button>
        {failed.value !== null && (
          <span class="refusal" role="alert">
            {refusalWords(failed.value)}
          </span>
        )}
      </p>
    );
  }
  return (
    <div class="invitation">
      <label class="field">
        <span>{t("join-link")}</span>
        <input
          readOnly
          value={link.value.url}
          data-testid="join-link"
          onFocus={(event) => event.currentTarget.select()}
        />
      </label>
      <button type="button" onClick={() => void copy()}>
        {t(copied.value ? "copied" : "copy")}
      </button>
      <p>
        {t("join-code")}:{" "}
        <code class="code" data-testid="join-code">
          {link.value.code}
        </code>
      </p>
    </div>
  );
}
