import { createRequire } from "node:module";
import type * as Library from "uWebSockets.js";

/**
 * The newest build that loads with glibc 2.36 exists for Linux on x64 alone. Other platforms have an older build: its parser answers 505
 * where TCP splits a request line, and gives no answer to some malformed heads (docs/decisions/0020-socket-library.md).
 */
const NEWEST = process.platform === "linux" && process.arch === "x64";

export const { App, SSLApp, us_listen_socket_close, us_socket_local_port } = NEWEST
  ? (createRequire(import.meta.url)("@uwsjs/linux-x64-22") as typeof Library)
  : await import("uWebSockets.js");
