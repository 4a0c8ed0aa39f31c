import type { ListenOptions, TemplatedApp, us_listen_socket } from "uWebSockets.js";
import { certificateOf, portTaken } from "@saasaparilla/shared/http/certificate.ts";
import { App, SSLApp } from "./socket-library.ts";

/** With a certificate it speaks TLS, and nothing else. */
export function appOf(settings: { TLS_CERT?: string | undefined; TLS_KEY?: string | undefined }): TemplatedApp {
  // The library does not say what is wrong with a file, so that both are read before.
  const certificate = certificateOf(settings);
  return certificate ? SSLApp({ cert_file_name: certificate.certFile, key_file_name: certificate.keyFile }) : App();
}

/** LIBUS_LISTEN_EXCLUSIVE_PORT: without it two processes would share the port, each with a part of the connections. */
const EXCLUSIVE = 1 satisfies ListenOptions.LIBUS_LISTEN_EXCLUSIVE_PORT;

/** Port 0: any that is free. Throws a `fatal` where it is taken. */
export function listen(app: TemplatedApp, host: string, port: number): Promise<us_listen_socket> {
  return new Promise((resolve, reject) => {
    listenAlone(app, host, port, (socket) => {
      if (socket) resolve(socket);
      else reject(portTaken(host, port));
    });
  });
}

/** The library takes host, port and options together, which its types leave out. */
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
