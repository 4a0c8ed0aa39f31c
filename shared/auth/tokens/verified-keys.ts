import { constants, KeyObject, verify } from "node:crypto";
import type { CryptoKey } from "jose";

export interface VerifiedKey {
  /** The fingerprint of its key. */
  name: string;
  signed(header: string, payload: string, signature: Buffer): boolean;
}

/** What node:crypto is told, by algorithm. ES384 is not here: it takes ten times as long, and stays off the main thread. */
const ALGORITHMS: Record<string, { digest: string | null; options?: object }> = {
  EdDSA: { digest: null },
  ES256: { digest: "sha256", options: { dsaEncoding: "ieee-p1363" } },
  RS256: { digest: "sha256" },
  PS256: { digest: "sha256", options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } },
};

/** An issuer has a few; whoever varies the text of its headers keeps no more than that. */
const MOST = 64;

/**
 * Who has signed before, by the protected header as it is written, which is the same text in each token of one key: what jose
 * has found good in it once, algorithm and key, is good again for as long as the set of keys is the same.
 */
export class VerifiedKeys {
  readonly #known = new Map<string, VerifiedKey>();
  #keySet = 0;

  /** `keySet`: which one it is; another one's signers are forgotten. */
  of(header: string, keySet: number): VerifiedKey | undefined {
    if (keySet !== this.#keySet) {
      this.#known.clear();
      this.#keySet = keySet;
    }
    return this.#known.get(header);
  }

  /** Where jose has verified a token with this header, by this key. */
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
