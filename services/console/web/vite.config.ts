import { defineConfig } from "vite";
import { measured } from "./build/measured.ts";

/** The console of the local stack answers the API of `just console-dev`. It takes changes only from its own origin. */
const target = "http://127.0.0.1:8083";

export default defineConfig({
  root: import.meta.dirname,
  plugins: [measured()],
  // The policy of the page allows no inline script and no data: URL except images.
  build: {
    target: ["chrome123", "firefox128", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      checks: { bundlerTimings: false },
      // There are no server components here.
      onLog: (level, log, report) => log.code !== "MODULE_LEVEL_DIRECTIVE" && report(level, log),
    },
    emptyOutDir: true,
  },
  server: { proxy: { "^/(v1|problems|openapi.json)": { target, changeOrigin: true, headers: { origin: target } } } },
});
