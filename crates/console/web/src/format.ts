/** Figures and times as people here write them: 1.350 · 97,7% · 12 giây. */
import { language, locale } from "./i18n/index.ts";

const formats = new Map<string, Intl.NumberFormat>();

function format(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `${locale.value}${JSON.stringify(options)}`;
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.NumberFormat(locale.value, options)));
  return made;
}

export const number = (value: number): string => format({ maximumFractionDigits: 0 }).format(value);

/** `value` in percent already. */
export const percent = (value: number): string => `${format({ maximumFractionDigits: 1 }).format(value)}%`;

export const milliseconds = (value: number | null): string =>
  value === null ? "–" : `${format({ maximumFractionDigits: 0 }).format(value)} ms`;

export function bitrate(bps: number): string {
  if (bps >= 1_000_000) return `${format({ maximumFractionDigits: 1 }).format(bps / 1_000_000)} Mbit/s`;
  return `${format({ maximumFractionDigits: 0 }).format(bps / 1000)} kbit/s`;
}

export const frameRate = (value: number): string =>
  `${format({ maximumFractionDigits: 1 }).format(value)} ${language.value === "vi" ? "hình/giây" : "fps"}`;

export function clock(ms: number): string {
  return new Intl.DateTimeFormat(locale.value, { timeStyle: "medium", hourCycle: "h23" }).format(ms);
}

export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const vi = language.value === "vi";
  if (seconds < 90) return `${number(seconds)} ${vi ? "giây" : "s"}`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${number(minutes)} ${vi ? "phút" : "min"}`;
  return `${number(Math.round(minutes / 60))} ${vi ? "giờ" : "h"}`;
}
