import { createHash } from "node:crypto";
import { compactDecrypt, CompactEncrypt, decodeProtectedHeader } from "jose";
import { z } from "zod";
import { Failure } from "#runtime/errors.ts";

const KEY_BYTES = 32;
const SEALING = { alg: "dir", enc: "A256GCM" } as const;

/** Keys that seal secrets, the first for new ones; base64 or base64url, with commas between them. */
export const secretsKey = z
  .string()
  .default("")
  .transform((list) => list.split(",").flatMap((one) => (one.trim() === "" ? [] : [Buffer.from(one.trim(), "base64")])))
  .refine(
    (keys) => keys.every((key) => key.length === KEY_BYTES),
    "keys of 32 bytes in base64, separated by commas: openssl rand -base64 32",
  );

/**
 * Seals secrets that must be read again, so that a copy of Postgres does not reveal them. Each is a JWE (RFC 7516) for
 * one issuer, with the id of its key.
 */
export class SealedSecrets {
  readonly #keys: ReadonlyMap<string, Buffer>;

  constructor(keys: readonly Buffer[]) {
    this.#keys = new Map(keys.map((key) => [idOf(key), key]));
  }

  /** `owner`: the sealed secret opens for no other owner. Throws a `reject` without a key. */
  async seal(secret: Uint8Array, owner: string): Promise<string> {
    const [entry] = this.#keys;
    if (!entry)
      throw new Failure("reject", "This platform cannot store secrets. Its operator must set SECRETS_KEY first.");
    const [kid, key] = entry;
    return new CompactEncrypt(secret).setProtectedHeader({ ...SEALING, kid, owner }).encrypt(key);
  }

  /** Throws a `retry`: an operator has to set the key that sealed it. */
  async open(sealed: string, owner: string): Promise<Uint8Array> {
    const { kid = "", owner: sealedFor } = decodeProtectedHeader(sealed) as { kid?: string; owner?: string };
    const key = this.#keys.get(kid);
    if (!key || sealedFor !== owner)
      throw new Failure("retry", `The secret of ${owner} cannot be opened: SECRETS_KEY lacks the key ${kid}.`);
    try {
      const { plaintext } = await compactDecrypt(sealed, key, {
        keyManagementAlgorithms: [SEALING.alg],
        contentEncryptionAlgorithms: [SEALING.enc],
      });
      return plaintext;
    } catch (error) {
      throw new Failure("retry", `The secret of ${owner} cannot be opened.`, { cause: error });
    }
  }

  /** The same for a secret that others may have written, or that may be older than the keys: undefined. */
  async tryOpen(sealed: string, owner: string): Promise<Uint8Array | undefined> {
    try {
      return await this.open(sealed, owner);
    } catch {
      return undefined;
    }
  }
}

/** It identifies a key, and reveals nothing about it. */
function idOf(key: Buffer): string {
  return createHash("sha256").update(key).digest("base64url").slice(0, 8);
}
