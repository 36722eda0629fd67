// A browser that a test drives: one JSON command a line on stdin, one JSON answer a line on stdout.
//
//   {"id":1,"do":"open","url":"https://…"}           -> {"id":1,"ok":{"page":1}}
//   {"id":2,"do":"call","page":1,"script":"…","argument":…} -> {"id":2,"ok":<what the script returns>}
//   {"id":3,"do":"type","page":1,"selector":"…","text":"…"} | {"do":"click",…} | {"do":"screenshot",…}
//   anything that throws                             -> {"id":…,"error":"…"}
//
// Without a url `open` gives a page that holds sessions.js, on a loopback origin of its own, so that
// every request to a relay is cross-origin as it is for a hall.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { launch } from './chromium.mjs';

const sessions = readFileSync(new URL('./sessions.js', import.meta.url), 'utf8');
const blank = createServer((_, answer) => {
  answer.setHeader('Content-Type', 'text/html; charset=utf-8');
  answer.end(`<!doctype html><title>tests</title><script>${sessions}</script>`);
});
await new Promise((listening) => blank.listen(0, '127.0.0.1', listening));
const blankUrl = `http://127.0.0.1:${blank.address().port}/`;

const browser = await launch();
const pages = new Map();
const at = ({ page }) => pages.get(page) ?? fail(`no page ${page}`);
const fail = (message) => {
  throw new Error(message);
};

const commands = {
  async open({ url, width = 1600, height = 900 }) {
    // Certificates come from a CA made for this run; the Rust side checks them, the browser need not.
    const context = await browser.newContext({
      ignoreHTTPSErrors: true,
      permissions: ['camera', 'microphone'],
      viewport: { width, height },
    });
    const page = await context.newPage();
    page.on('console', (line) => console.error(`[page] ${line.type()}: ${line.text()}`));
    page.on('pageerror', (error) => console.error(`[page] ${error.stack}`));
    await page.goto(url ?? blankUrl);
    const id = pages.size + 1;
    pages.set(id, page);
    return { page: id };
  },
  call: (command) =>
    // The script is an expression: a function is called with the argument, a value is returned.
    at(command).evaluate(
      async ([script, argument]) => {
        const value = (0, eval)(`(${script})`);
        return (await (typeof value === 'function' ? value(argument) : value)) ?? null;
      },
      [command.script, command.argument ?? null],
    ),
  type: (command) => at(command).locator(command.selector).first().fill(command.text).then(() => null),
  click: (command) => at(command).locator(command.selector).first().click().then(() => null),
  text: (command) => at(command).locator('body').innerText(),
  screenshot: (command) => at(command).screenshot({ path: command.path }).then(() => null),
};

console.log(JSON.stringify({ ready: { version: browser.version() } }));

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  // Commands run side by side: one that waits for a picture must not hold the next.
  Promise.resolve()
    .then(() => (commands[command.do] ?? (() => fail(`no command ${command.do}`)))(command))
    .then((ok) => ({ id: command.id, ok: ok ?? null }))
    .catch((error) => ({ id: command.id, error: `${error.message}` }))
    .then((answer) => console.log(JSON.stringify(answer)));
}
await browser.close();
blank.close();
