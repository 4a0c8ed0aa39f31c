import { constants, KeyObject, verify } from "node:crypto";
import type { CryptoKey } from "jose";

export interface VerifiedKey {
  /** The fingerprint of its key. */
  name: string;
  signed(header: string, payload: string, signature: Buffer): boolean;
}

/**
 * Parameters for node:crypto by algorithm. ES384 is not here: it takes ten times as long, and stays off the main
 * thread.
 */
const ALGORITHMS: Record<string, { digest: string | null; options?: object }> = {
  EdDSA: { digest: null },
  ES256: { digest: "sha256", options: { dsaEncoding: "ieee-p1363" } },
  RS256: { digest: "sha256" },
  PS256: { digest: "sha256", options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } },
};

/** An issuer has a few. A sender that varies its headers cannot make the service keep more. */
const MOST = 64;

/**
 * Keys that have verified tokens, by the written protected header. All tokens of one key share that text. The algorithm
 * and key that jose has accepted once for it stay accepted while the key set is the same.
 */
export class VerifiedKeys {
  readonly #known = new Map<string, VerifiedKey>();
  #keySet = 0;

  /** `keySet`: the version of the key set. The keys of another version are forgotten. */
  of(header: string, keySet: number): VerifiedKey | undefined {
    if (keySet !== this.#keySet) {
      this.#known.clear();
      this.#keySet = keySet;
    }
    return this.#known.get(header);
  }

  /** Call it after jose has verified a token with this header, by this key. */
  add(text: string, alg: string, name: string, cryptoKey: CryptoKey): void {
    if (!Object.hasOwn(ALGORITHMS, alg) || this.#known.size >= MOST) return;
    const { digest, options } = ALGORITHMS[alg]!;
    const key = { key: KeyObject.from(cryptoKey), ...options };
    this.#known.set(text, {
      name,
      signed: (header, payload, signature) =>
        verify(digest, Buffer.from(`${header}.${payload}`, "latin1"), key, signature),
    });
  }
}
