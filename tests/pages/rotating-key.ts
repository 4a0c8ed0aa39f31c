import { writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { exportJWK, generateKeyPair, type CryptoKey, type JWK } from "jose";
import type { Stack } from "#tests/support/stack.ts";
import { mint, type Bearer } from "#tests/support/tokens.ts";

/**
 * The key of the stack's issuer, until it is replaced: then the newest key signs tokens, and the one before is
 * removed.
 */
export class RotatingKey {
  readonly #file: string;
  readonly #permanent: JWK[];
  #count = 0;
  #key: CryptoKey | undefined;
  readonly #stack: Pick<Stack, "token">;

  /** The stack's own key stays. */
  constructor(stack: Pick<Stack, "env" | "token">) {
    this.#stack = stack;
    this.#file = stack.env.AUTH_JWKS!;
    this.#permanent = (JSON.parse(readFileSync(this.#file, "utf8")) as { keys: JWK[] }).keys;
  }

  /** The services read the file again half a minute after the last time. */
  async rotate(): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair("EdDSA");
    this.#count += 1;
    const key = { ...(await exportJWK(publicKey)), kid: `rotated-${this.#count}`, alg: "EdDSA", use: "sig" };
    await writeFile(this.#file, JSON.stringify({ keys: [...this.#permanent, key] }));
    this.#key = privateKey;
  }

  token(bearer: Bearer): Promise<string> {
    return this.#key ? mint(this.#key, bearer, "EdDSA", `rotated-${this.#count}`) : this.#stack.token(bearer);
  }
}
