import type { AddressInfo } from "node:net";
import { createServer, type Server, type ServerOptions as NodeOptions } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { z } from "zod";
import { certificateOf, portTaken } from "./certificate.ts";
import { Failure, messageOf } from "#runtime/errors.ts";
import type { nodeServerSettings } from "./settings.ts";

const HEAD_BYTES = 16 << 10;
/** Node checks HEAD_MS at this interval. It counts from the connection, or from the first byte of a further request. */
const CHECK_MS = 1_000;

/** A server of Node, with TLS if the settings have a certificate. */
export function serverOf(settings: z.output<typeof nodeServerSettings>): Server {
  const options: NodeOptions = {
    maxHeaderSize: HEAD_BYTES,
    insecureHTTPParser: false,
    // The service checks the Host header. It does not handle a request that follows a bad one.
    requireHostHeader: false,
    headersTimeout: settings.HEAD_MS,
    // Bodies have a separate time limit.
    requestTimeout: 0,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: settings.KEEP_ALIVE_MS,
    noDelay: true,
  };
  const certificate = certificateOf(settings);
  if (!certificate) return createServer(options);
  try {
    const { cert, key } = certificate;
    // A plain server sets `allowHalfOpen` itself.
    return createTlsServer({ ...options, allowHalfOpen: true, handshakeTimeout: settings.HEAD_MS, cert, key });
  } catch (error) {
    throw new Failure("fatal", `TLS_CERT and TLS_KEY cannot be used: ${messageOf(error)}.`, { cause: error });
  }
}

/** Port 0: any free port. Throws a `fatal` if the port is in use. */
export function listenOn(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") reject(portTaken(host, port));
      else
        reject(
          new Failure("fatal", `Port ${port} on ${host} cannot be opened: ${messageOf(error)}. Check HOST and PORT.`),
        );
    });
    server.listen({ host, port, exclusive: true }, () => resolve((server.address() as AddressInfo).port));
  });
}
