/** Calls to the server. A refusal is a `Refused`, told by its name; no answer at all is a `Silent`. */
import { has, t } from "./i18n/index.ts";
import type { ConferenceSummary } from "./protocol/ConferenceSummary.ts";
import type { HeadCount } from "./protocol/HeadCount.ts";
import type { JoinGrant } from "./protocol/JoinGrant.ts";
import type { Problem } from "./protocol/Problem.ts";
import type { SessionView } from "./protocol/SessionView.ts";
import type { SiteLink } from "./protocol/SiteLink.ts";
import type { SittingState } from "./protocol/SittingState.ts";
import type { WatchGrant } from "./protocol/WatchGrant.ts";

export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Partial<Problem>,
    readonly retryAfterS: number | null,
  ) {
    super(problem.detail || problem.title || `HTTP ${status}`);
  }
}

export class Silent extends Error {}

/** What to tell whoever asked, in the language of the screen: the server's own sentence is for logs and programs. */
export function refusalWords(error: unknown): string {
  if (error instanceof Silent) return t("server-silent");
  if (!(error instanceof Refused)) return t("page-fault");
  const known = `refused-${error.problem.type}`;
  return has(known) ? t(known) : t("refused-other", { status: error.status });
}

/** No answer within this time counts as none: a hall on a dead line has to be told so. */
const ANSWER_MS_MAX = 10_000;

export async function call(method: string, url: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX), ...init, method });
  } catch (error) {
    throw new Silent(String(error));
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const retry = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  throw new Refused(response.status, problem ?? {}, Number.isFinite(retry) ? retry : null);
}

async function json<T>(method: string, url: string, body?: unknown, token?: string): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers["Authorization"] = `Bearer ${token}`;
  const init: RequestInit = { headers };
  if (body !== undefined) init.body = JSON.stringify(body);
  const response = await call(method, url, init);
  const text = await response.text();
  return (text ? JSON.parse(text) : null) as T;
}

const conferenceUrl = (conference: string) => `/api/conferences/${encodeURIComponent(conference)}`;
const siteUrl = (conference: string, site: string) =>
  `${conferenceUrl(conference)}/sites/${encodeURIComponent(site)}`;

export const api = {
  session: () => json<SessionView>("GET", "/api/session"),
  signIn: (user: string, password: string) => json<SessionView>("POST", "/api/session", { user, password }),
  signOut: () => json<null>("DELETE", "/api/session"),
  conferences: () => json<ConferenceSummary[]>("GET", "/api/conferences"),
  step: (conference: string, to: SittingState) =>
    json<unknown>("POST", `${conferenceUrl(conference)}/sitting`, { to }),
  siteLink: (conference: string, site: string) => json<SiteLink>("GET", `${siteUrl(conference, site)}/link`),
  watchSite: (conference: string, site: string) =>
    json<WatchGrant>("POST", `${siteUrl(conference, site)}/watch`),
  watchProgram: (conference: string) =>
    json<WatchGrant>("POST", `${conferenceUrl(conference)}/program/watch`),
  join: (credential: string) => json<JoinGrant>("POST", "/api/join", { credential }),
  counts: (conference: string, site: string, count: HeadCount, token: string) =>
    json<unknown>("PUT", `${siteUrl(conference, site)}/counts`, count, token),
};
