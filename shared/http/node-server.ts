import { createServer, type Server, type ServerOptions as NodeOptions } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { z } from "zod";
import { certificateOf } from "./certificate.ts";
import { Failure, messageOf } from "#runtime/errors.ts";
import type { nodeServerSettings } from "./settings.ts";

const HEAD_BYTES = 16 << 10;
/** HEAD_MS counts from the connection on, or from the first byte of a further request on. It is looked at so often. */
const CHECK_MS = 1_000;

/** A server of Node, with TLS where the settings have a certificate. */
export function serverOf(settings: z.output<typeof nodeServerSettings>): Server {
  const options: NodeOptions = {
    maxHeaderSize: HEAD_BYTES,
    insecureHTTPParser: false,
    // It is asked for here, where a request behind a bad one is not handled.
    requireHostHeader: false,
    headersTimeout: settings.HEAD_MS,
    // Bodies have a time of their own.
    requestTimeout: 0,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: settings.KEEP_ALIVE_MS,
    noDelay: true,
  };
  const certificate = certificateOf(settings);
  if (!certificate) return createServer(options);
  try {
    const { cert, key } = certificate;
    // A plain server has `allowHalfOpen` by itself.
    return createTlsServer({ ...options, allowHalfOpen: true, handshakeTimeout: settings.HEAD_MS, cert, key });
  } catch (error) {
    throw new Failure("fatal", `TLS_CERT and TLS_KEY cannot be used: ${messageOf(error)}.`, { cause: error });
  }
}
