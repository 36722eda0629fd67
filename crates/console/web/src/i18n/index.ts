/** Words of the screen: Vietnamese by default, English on request, remembered in this browser. */
import { FluentBundle, FluentResource, type FluentVariable } from "@fluent/bundle";
import { computed, effect, signal } from "@preact/signals";
import en from "./en.ftl?raw";
import vi from "./vi.ftl?raw";

export type Language = "vi" | "en";
const REMEMBERED = "diemcau.language";
const LOCALES: Record<Language, string> = { vi: "vi-VN", en: "en-GB" };

function bundle(language: Language, text: string): FluentBundle {
  // Arguments are numbers, times and codes; names of sites are never arguments but <bdi> elements of their own.
  const made = new FluentBundle(LOCALES[language], { useIsolating: false });
  made.addResource(new FluentResource(text));
  return made;
}

const bundles: Record<Language, FluentBundle> = { vi: bundle("vi", vi), en: bundle("en", en) };

export const language = signal<Language>(remembered());
export const locale = computed(() => LOCALES[language.value]);

function remembered(): Language {
  try {
    return localStorage.getItem(REMEMBERED) === "en" ? "en" : "vi";
  } catch {
    return "vi";
  }
}

export function switchLanguage(): void {
  language.value = language.value === "vi" ? "en" : "vi";
  try {
    localStorage.setItem(REMEMBERED, language.value);
  } catch {
    // A browser without storage forgets the choice; nothing else depends on it.
  }
}

if (typeof document !== "undefined") {
  effect(() => {
    document.documentElement.lang = language.value;
  });
}

export const has = (id: string): boolean => bundles[language.value].hasMessage(id);

/** The words for `id`; a missing one shows its id rather than nothing. */
export function t(id: string, args?: Record<string, FluentVariable>): string {
  const chosen = bundles[language.value];
  const message = chosen.getMessage(id);
  return message?.value ? chosen.formatPattern(message.value, args, []) : id;
}
