import { bitrate, number } from "../format.ts";
import { t } from "../i18n/index.ts";
import { LegMark } from "../ui/parts.tsx";
import type { Store } from "./store.ts";

export function Relays({ store }: { store: Store }) {
  const relays = [...store.relays.value.values()].sort(
    (a, b) => a.level - b.level || a.id.localeCompare(b.id),
  );
  return (
    <section class="panel relays" aria-label={t("relays")}>
      <h2>{t("relays")}</h2>
      <div class="scroll" tabIndex={0} role="group" aria-label={t("relays")}>
        <table data-testid="relays">
          <thead>
            <tr>
              <th scope="col">{t("relay-name")}</th>
              <th scope="col" class="spare">
                {t("relay-level")}
              </th>
              <th scope="col">{t("relay-parent")}</th>
              <th scope="col">{t("relay-halls")}</th>
              <th scope="col" class="spare">
                {t("relay-bitrate")}
              </th>
              <th scope="col">{t("relay-state")}</th>
            </tr>
          </thead>
          <tbody>
            {relays.map((relay) => (
              <tr key={relay.id} data-testid={`relay-${relay.id}`} data-state={relay.state}>
                <th scope="row" title={relay.site}>
                  {relay.id}
                </th>
                <td class="spare">{relay.level}</td>
                <td>{relay.parent ?? "–"}</td>
                <td>
                  {number(relay.halls)}/{number(relay.capacity)}
                </td>
                <td class="spare">{bitrate(relay.bitrate_bps)}</td>
                <td>
                  <LegMark state={relay.state} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
