import { createRequire } from "node:module";
import type * as Library from "uWebSockets.js";

/**
 * The library reads this variable while it is loaded, and answers longer heads itself, in HTML. It accepts twice our
 * limit (`request-head.ts`), so most heads that are too large get our answer. The library keeps an incomplete head in
 * memory. So this bounds the memory that an unknown client can hold for the 8 to 12 s that a head may take.
 */
// oxlint-disable-next-line node/no-process-env
process.env["UWS_HTTP_MAX_HEADERS_SIZE"] = String(32 << 10);

/**
 * The newest build that loads with glibc 2.36 exists only for Linux on x64. Other platforms have an older build. Its
 * parser answers 505 if TCP splits a request line, and gives no answer to some malformed heads
 * (docs/internals/decisions/0020-socket-library.md).
 */
const NEWEST = process.platform === "linux" && process.arch === "x64";

/** The library's types omit it. */
type Configured = typeof Library & { _cfg: (key: string) => void };

const { App, SSLApp, _cfg, us_listen_socket_close, us_socket_local_port } = (
  NEWEST ? createRequire(import.meta.url)("@uwsjs/linux-x64-22") : await import("uWebSockets.js")
) as Configured;

// Answers must not reveal the server's software.
_cfg("silent");

export { App, SSLApp, us_listen_socket_close, us_socket_local_port };
