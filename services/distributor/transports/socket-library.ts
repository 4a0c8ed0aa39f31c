import { createRequire } from "node:module";
import type * as Library from "uWebSockets.js";

/**
 * The library reads it while it is loaded, and answers a longer head by itself, in HTML. So it takes twice of what we do (`request-head.ts`), and most heads that
 * are too large get an answer of ours. It keeps an incomplete head in memory, so this bounds what a stranger can hold for the 8 to 12 s that a head may take.
 */
// oxlint-disable-next-line node/no-process-env
process.env["UWS_HTTP_MAX_HEADERS_SIZE"] = String(32 << 10);

/**
 * The newest build that loads with glibc 2.36 exists for Linux on x64 alone. Other platforms have an older build: its parser answers 505
 * where TCP splits a request line, and gives no answer to some malformed heads (docs/internals/decisions/0020-socket-library.md).
 */
const NEWEST = process.platform === "linux" && process.arch === "x64";

/** The library's types leave it out. */
type Configured = typeof Library & { _cfg: (key: string) => void };

const { App, SSLApp, _cfg, us_listen_socket_close, us_socket_local_port } = (
  NEWEST ? createRequire(import.meta.url)("@uwsjs/linux-x64-22") : await import("uWebSockets.js")
) as Configured;

// No answer has a header that says what serves it.
_cfg("silent");

export { App, SSLApp, us_listen_socket_close, us_socket_local_port };
