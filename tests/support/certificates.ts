import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Files from openssl: of an authority, and of the certificates that it signs. */
export interface Certified {
  cert: string;
  key: string;
}

export class Authority {
  readonly ca: string;
  readonly #key: string;
  readonly #folder: string;
  readonly #name: string;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    this.ca = join(folder, `${name}.pem`);
    this.#key = join(folder, `${name}.key`);
    const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    openssl(...made, "-subj", `/CN=${name}`, "-keyout", this.#key, "-out", this.ca);
  }

  /** For 127.0.0.1 and localhost; keys are PKCS #8. */
  certify(name: string, days = 2): Certified {
    const path = (end: string): string => join(this.#folder, `${this.#name}-${name}.${end}`);
    const [cert, key, request, extensions] = ["pem", "key", "csr", "cnf"].map(path) as [string, string, string, string];
    writeFileSync(extensions, "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    const asked = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", `/CN=${name}`];
    openssl(...asked, "-keyout", key, "-out", request);
    const signed = ["x509", "-req", "-in", request, "-CA", this.ca, "-CAkey", this.#key, "-CAcreateserial"];
    openssl(...signed, "-days", String(days), "-extfile", extensions, "-out", cert);
    return { cert, key };
  }
}

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: "pipe" });
}
