import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** Writes `name.gz` beside every text file, so that the server never compresses the same bytes twice. */
function gzipBeside(): Plugin {
  return {
    name: "gzip-beside",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        for (const [fileName, item] of Object.entries(bundle)) {
          const source = item.type === "chunk" ? item.code : item.source;
          if (!/\.(js|css|html|svg)$/.test(fileName)) continue;
          this.emitFile({
            type: "asset",
            fileName: `${fileName}.gz`,
            source: gzipSync(source, { level: 9 }),
          });
        }
      },
    },
  };
}

/** `vite --mode fake`: the page brings its own server, see dev/fake.ts. */
function fakeServer(): Plugin {
  return {
    name: "fake-server",
    apply: (_config, { command, mode }) => command === "serve" && mode === "fake",
    transformIndexHtml: {
      order: "pre",
      handler: (html) =>
        html.replace('<script type="module"', '<script type="module" src="/dev/fake.ts"></script>\n    $&'),
    },
  };
}

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  // Assets stay files: a page under a strict content security policy takes no data: URLs.
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  plugins: [gzipBeside(), fakeServer()],
});
