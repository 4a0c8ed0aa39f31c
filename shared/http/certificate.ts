import { Failure } from "#runtime/errors.ts";
import { readPem } from "#runtime/pem.ts";

export interface Certificate {
  certFile: string;
  keyFile: string;
  cert: string;
  key: string;
}

/** The certificate of a port, or undefined if it does not speak TLS. */
export function certificateOf({
  TLS_CERT: certFile,
  TLS_KEY: keyFile,
}: {
  TLS_CERT?: string | undefined;
  TLS_KEY?: string | undefined;
}): Certificate | undefined {
  if (!certFile && !keyFile) return undefined;
  if (!certFile || !keyFile) throw new Failure("fatal", "TLS_CERT and TLS_KEY belong together: set both or neither.");
  return { certFile, keyFile, cert: readPem("TLS_CERT", certFile), key: readPem("TLS_KEY", keyFile) };
}

export function portTaken(host: string, port: number): Failure {
  return new Failure("fatal", `Port ${port} on ${host} is in use. Set PORT to a free port.`);
}
