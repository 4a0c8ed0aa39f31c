import { refuse } from "#api/refusal.ts";
import { hash } from "node:crypto";
import type { Identity, Source } from "@saasaparilla/shared/auth/identity.ts";

const KEY_FORM = /^[ -~]{1,255}$/;

/** The header is a structured string, in quotes (RFC 9651). A value without quotes is used unchanged. */
export function readKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header)?.[1]?.replace(/\\(.)/g, "$1");
  const key = quoted ?? header;
  if (!KEY_FORM.test(key) || (quoted === undefined && key.includes('"'))) {
    refuse(
      "invalid-value",
      'The header Idempotency-Key must have 1 to 255 printable ASCII characters. Send a UUID in quotes: Idempotency-Key: "3f0e7a52-6c1d-4f4b-9a57-0f5f6d1c2b3a".',
    );
  }
  return key;
}

/**
 * The name of a key, which belongs to its publisher. A digest has one length, regardless of the subject's length. JSON
 * separates the parts whatever they contain. It also escapes lone surrogates, which would all become the same bytes in
 * UTF-8.
 */
export function nameOfKey({ tenant, source, subject }: Pick<Identity, "tenant" | "source" | "subject">, key: string) {
  return hash("sha256", JSON.stringify([tenant, source.kind, idOf(source), subject, key]), "base64url");
}

/** The same key of the same publisher produces the same ids: UUIDs of version 8. */
export function derivedId(keyName: string, index: number): string {
  const hex = hash("sha256", `${keyName}\0${index}`, "hex");
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function idOf(source: Source): string {
  if (source.kind === "platform") return "";
  if (source.kind === "console") return "";
  return source.kind === "issuer" ? source.name : source.id;
}
