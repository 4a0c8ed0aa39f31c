import type { ListenOptions, TemplatedApp, us_listen_socket } from "uWebSockets.js";
import { certificateOf, portTaken } from "@saasaparilla/shared/http/certificate.ts";
import { App, SSLApp } from "./socket-library.ts";

/** With a certificate it speaks only TLS. */
export function appOf(settings: { TLS_CERT?: string | undefined; TLS_KEY?: string | undefined }): TemplatedApp {
  // The library does not report errors in the files, so both are read first.
  const certificate = certificateOf(settings);
  return certificate ? SSLApp({ cert_file_name: certificate.certFile, key_file_name: certificate.keyFile }) : App();
}

/** LIBUS_LISTEN_EXCLUSIVE_PORT: otherwise two processes share the port, and each gets a part of the connections. */
const EXCLUSIVE = 1 satisfies ListenOptions.LIBUS_LISTEN_EXCLUSIVE_PORT;

/** Port 0: any free port. Throws a `fatal` if the port is taken. */
export function listen(app: TemplatedApp, host: string, port: number): Promise<us_listen_socket> {
  return new Promise((resolve, reject) => {
    listenAlone(app, host, port, (socket) => {
      if (socket) resolve(socket);
      else reject(portTaken(host, port));
    });
  });
}

/** The library accepts host, port and options together, but its types omit this form. */
function listenAlone(
  app: TemplatedApp,
  host: string,
  port: number,
  opened: (socket: us_listen_socket | false) => void,
): void {
  (
    app.listen as unknown as (
      host: string,
      port: number,
      options: number,
      opened: (socket: us_listen_socket | false) => void,
    ) => void
  ).call(app, host, port, EXCLUSIVE, opened);
}
