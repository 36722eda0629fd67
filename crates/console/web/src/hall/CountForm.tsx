import { useComputed, useSignal } from "@preact/signals";
import { refusalWords } from "../api.ts";
import { number } from "../format.ts";
import { t } from "../i18n/index.ts";
import { Dialog } from "../ui/parts.tsx";
import { check, draft, FIELDS, type Draft, type FieldName } from "./counts.ts";
import type { Hall } from "./hall.ts";

const LABELS: Record<FieldName, string> = {
  expected: "counts-expected",
  present: "counts-present",
  late: "counts-late",
  absent_excused: "counts-excused",
  absent_unexcused: "counts-unexcused",
};

type Outcome = "sending" | "queued" | "ok" | "refused" | null;

/** Expected is filled in already and the cursor stands in "present": open, type, send. */
export function CountForm({ hall, onClose }: { hall: Hall; onClose: () => void }) {
  const state = hall.state.value;
  const form = useSignal<Draft>(draft(hall.waiting.get() ?? state?.counts ?? null, state?.expected ?? null));
  const asked = useSignal(false);
  const outcome = useSignal<Outcome>(null);
  const checked = useComputed(() => check(form.value));

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    asked.value = true;
    const counts = checked.value.counts;
    if (!counts) return;
    outcome.value = "sending";
    const answered = await hall.report(counts);
    outcome.value = hall.refused.value ? "refused" : answered ? "ok" : "queued";
  };
  return (
    <Dialog title={t("counts-title")} onClose={onClose}>
      <form class="counts" noValidate onSubmit={(event) => void submit(event)}>
        {FIELDS.map((field) => (
          <NumberField
            key={field}
            field={field}
            value={form.value[field]}
            faults={asked.value ? checked.value.faults.filter((fault) => fault.field === field) : []}
            onInput={(value) => {
              form.value = { ...form.value, [field]: value };
              outcome.value = null;
            }}
          />
        ))}
        <Rest
          filled={form.value.present !== ""}
          rest={checked.value.rest}
          valid={checked.value.counts !== null}
        />
        <Told outcome={outcome.value} hall={hall} />
        <div class="buttons">
          <button type="button" onClick={onClose} data-testid="close-counts">
            {t("close")}
          </button>
          <button
            type="submit"
            class="primary big"
            disabled={outcome.value === "sending"}
            data-testid="send-counts"
          >
            {t(outcome.value === "sending" ? "counts-sending" : "counts-send")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface NumberFieldProps {
  field: FieldName;
  value: string;
  faults: { message: string; args: Record<string, number> }[];
  onInput: (value: string) => void;
}

function NumberField({ field, value, faults, onInput }: NumberFieldProps) {
  return (
    <label class={`field number ${faults.length ? "faulty" : ""}`}>
      <span>{t(LABELS[field])}</span>
      <input
        inputMode="numeric"
        pattern="[0-9]*"
        autocomplete="off"
        autofocus={field === "present"}
        aria-invalid={faults.length > 0}
        aria-describedby={faults.length ? `fault-${field}` : undefined}
        data-testid={`count-${field}`}
        value={value}
        onFocus={(event) => event.currentTarget.select()}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {faults.map((fault) => (
        <span key={fault.message} id={`fault-${field}`} class="refusal" role="alert">
          {t(fault.message, Object.fromEntries(Object.entries(fault.args).map(([k, v]) => [k, number(v)])))}
        </span>
      ))}
    </label>
  );
}

function Rest({ filled, rest, valid }: { filled: boolean; rest: number; valid: boolean }) {
  if (!filled || !valid) return null;
  return <p class="muted">{rest > 0 ? t("counts-rest", { n: number(rest) }) : t("counts-complete")}</p>;
}

function Told({ outcome, hall }: { outcome: Outcome; hall: Hall }) {
  // A queued report goes out by itself while the form is open: then this says so.
  const settled =
    outcome === "queued" && hall.unsent.value === 0 ? (hall.refused.value ? "refused" : "ok") : outcome;
  if (settled === null || settled === "sending") return null;
  const text = {
    ok: t("counts-ok"),
    queued: t("counts-queued"),
    refused: t("counts-refused", { reason: refusalWords(hall.refused.value) }),
  }[settled];
  return (
    <p class={`told told-${settled}`} role="status" data-testid="counts-told" data-outcome={settled}>
      {text}
    </p>
  );
}
