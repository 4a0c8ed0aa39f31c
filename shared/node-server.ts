import { createServer, type Server, type ServerOptions as NodeOptions } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { ServerOptions } from "./base-server.ts";
import { certificateOf } from "./certificate.ts";
import { Failure, messageOf } from "./errors.ts";

const HEAD_BYTES = 16 << 10;
/** From the connection on, or from the first byte of a further request on; looked at once a second. */
export const HEAD_MS = 10_000;
const CHECK_MS = 1_000;
/** Load balancers keep idle connections for 60 s: they close first, so that no request meets a closed one. */
export const IDLE_MS = 75_000;
/** A server of Node, with TLS where the settings have a certificate. */
export function serverOf(settings: ServerOptions["settings"]): Server {
  const options: NodeOptions = {
    maxHeaderSize: HEAD_BYTES,
    insecureHTTPParser: false,
    // It is asked for here, where a request behind a bad one is not handled.
    requireHostHeader: false,
    headersTimeout: HEAD_MS,
    // Bodies have a time of their own.
    requestTimeout: 0,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: IDLE_MS,
    noDelay: true,
  };
  const certificate = certificateOf(settings);
  if (!certificate) return createServer(options);
  try {
    const { cert, key } = certificate;
    // A plain server has `allowHalfOpen` by itself.
    return createTlsServer({ ...options, allowHalfOpen: true, handshakeTimeout: HEAD_MS, cert, key });
  } catch (error) {
    throw new Failure("fatal", `TLS_CERT and TLS_KEY cannot be used: ${messageOf(error)}.`, { cause: error });
  }
}
