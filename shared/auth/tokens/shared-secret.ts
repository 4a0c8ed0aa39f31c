import { createHash } from "node:crypto";
import type { Keys } from "./jwks.ts";

/** The one key of an issuer that signs with a shared secret. It is opened on first use. */
export class SharedSecret implements Keys {
  readonly version = 1;
  readonly #open: () => Promise<Uint8Array>;
  #secret: Promise<Uint8Array> | undefined;
  #name: string | undefined;

  constructor(open: () => Promise<Uint8Array>) {
    this.#open = open;
  }

  /** Opens it now: open connections need to know whether the secret is still the same. */
  freshen(): undefined {
    if (this.#name === undefined) this.find().catch(() => undefined);
  }

  readonly find = (): Promise<Uint8Array> => {
    this.#secret ??= this.#open()
      .then((secret) => {
        this.#name = nameOf(secret);
        return secret;
      })
      .catch((error: unknown) => {
        this.#secret = undefined;
        throw error;
      });
    return this.#secret;
  };

  nameOf(): string {
    return this.#name!;
  }

  has(name: string | undefined): boolean {
    return name === undefined || this.#name === undefined || name === this.#name;
  }
}

function nameOf(secret: Uint8Array): string {
  return createHash("sha256").update("HS256").update(secret).digest("base64url");
}
