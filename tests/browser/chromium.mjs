// Debian's Chromium, driven by playwright-core: no browser is downloaded.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-headless-shell', '/usr/bin/chromium-browser'];

/** The browser to use: `CHROMIUM` when set, else the first that is installed. */
export function executable() {
  return process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place));
}

/**
 * Starts Chromium with a fake camera and microphone that ask nobody for leave.
 *
 * Loopback is allowed as an ICE address because a machine without a network still runs the tests;
 * autoplay needs no click because nobody clicks.
 */
export async function launch() {
  const executablePath = executable();
  if (!executablePath) throw new Error(`no Chromium: set CHROMIUM, or install one of ${PLACES.join(', ')}`);
  return chromium.launch({
    executablePath,
    headless: true,
    chromiumSandbox: false,
    args: [
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--allow-loopback-in-peer-connection',
      '--autoplay-policy=no-user-gesture-required',
      '--disable-dev-shm-usage',
      '--lang=vi',
    ],
  });
}
