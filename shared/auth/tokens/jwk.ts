import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { messageOf } from "#runtime/errors.ts";

/** The algorithms that each kind of key supports. RSA has one entry: jose imports it for the algorithm of the token. */
const ALGORITHMS_OF: Record<string, readonly string[]> = {
  RSA: ["RS256", "PS256"],
  "EC P-256": ["ES256"],
  "EC P-384": ["ES384"],
  "OKP Ed25519": ["EdDSA"],
};
const PRIVATE = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] as const;
/** A shorter modulus can be factored, and a longer one takes too long to check. */
const RSA_BITS = { least: 2_048, most: 8_192 };

/** The label of a metric: a fixed set. */
export type KeyDefect = "private" | "purpose" | "unknown" | "weak" | "malformed";

export class UnusableKey extends Error {
  override readonly name = "UnusableKey";
  readonly defect: KeyDefect;

  constructor(defect: KeyDefect, message: string) {
    super(message);
    this.defect = defect;
  }
}

/** The fingerprint of a public key (RFC 7517) that can check signatures. Throws UnusableKey for any other. */
export function usableKey(jwk: Readonly<Record<string, unknown>>, algorithms?: readonly string[]): string {
  const fail = (defect: KeyDefect, message: string): never => {
    throw new UnusableKey(defect, message);
  };
  const { kty, crv, use, key_ops: operations, alg } = jwk;
  const secret = PRIVATE.find((name) => name in jwk);
  if (secret !== undefined || kty === "oct")
    return fail("private", `has the private member ${secret ?? "k"}: send only the public key`);
  if (use !== undefined && use !== "sig") return fail("purpose", 'is not for signatures: its use must be "sig"');
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify")))
    return fail("purpose", 'is not for signatures: its key_ops must contain "verify"');
  const kind = kty === "RSA" ? "RSA" : `${String(kty)} ${String(crv)}`;
  const fitting = Object.hasOwn(ALGORITHMS_OF, kind) ? ALGORITHMS_OF[kind]! : [];
  if (fitting.length === 0)
    return fail("unknown", `is of an unknown kind: expected ${Object.keys(ALGORITHMS_OF).join(", ")}`);
  if (alg !== undefined && !fitting.includes(alg as string))
    return fail("unknown", `has an algorithm that does not fit: expected ${fitting.join(" or ")}`);
  const possible = alg === undefined ? fitting : [alg as string];
  if (algorithms && !possible.some((one) => algorithms.includes(one)))
    return fail("unknown", `fits none of the issuer's algorithms: add ${possible.join(" or ")}, or leave the key out`);
  const key = imported(jwk);
  if (kty === "RSA") checkRsa(key);
  if (kty === "OKP") checkEdwards(String(jwk.x));
  return fingerprint(key);
}

/** The same for every form of the same key. */
export function fingerprint(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("base64url");
}

function imported(jwk: Readonly<Record<string, unknown>>): KeyObject {
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
  } catch (error) {
    throw new UnusableKey("malformed", `cannot be read: ${messageOf(error)}`);
  }
}

/** Points of small order on Curve25519, without the sign. With one of them as the key, anybody can make signatures. */
const SMALL_ORDER = new Set([
  `00${"00".repeat(31)}`,
  `01${"00".repeat(31)}`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ...["ec", "ed", "ee"].map((first) => `${first}${"ff".repeat(30)}7f`),
]);

function checkEdwards(x: string): void {
  const point = Buffer.from(x, "base64url");
  point[31]! &= 0x7f;
  if (SMALL_ORDER.has(point.toString("hex")))
    throw new UnusableKey("weak", "is a point of small order: make a new key");
}

function checkRsa(key: KeyObject): void {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < RSA_BITS.least)
    throw new UnusableKey("weak", `has ${modulusLength} bits: an RSA key needs at least ${RSA_BITS.least}`);
  if (modulusLength > RSA_BITS.most)
    throw new UnusableKey("weak", `has ${modulusLength} bits: an RSA key may have at most ${RSA_BITS.most}`);
  // With an exponent of 1 anybody can sign.
  if (publicExponent < 3n || publicExponent % 2n === 0n)
    throw new UnusableKey("weak", "has an exponent that is even or less than 3: use 65537");
}
