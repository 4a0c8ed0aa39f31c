import { isUtf8 } from "node:buffer";
import type { ProblemError } from "@saasaparilla/shared/http/problem.ts";

type Wrong = Pick<ProblemError, "detail" | "expected" | "fix">;

/**
 * The value of an attribute in a header (HTTP binding of CloudEvents 1.0.2, 3.1.3.2): without the quotes of older
 * libraries, and percent-decoded once, as UTF-8.
 */
export function readHeader(text: string): { value: string } | { wrong: Wrong } {
  if (/[^\t -~]/.test(text)) return { wrong: notEncoded("It has characters that are not printable ASCII.") };
  const inner = /^"((?:[^"\\]|\\.)*)"$/.exec(text)?.[1];
  const encoded = inner === undefined ? text : inner.replaceAll(/\\(.)/g, "$1");
  if (!encoded.includes("%")) return { value: encoded };
  if (/%(?![0-9A-Fa-f]{2})/.test(encoded)) return { wrong: notEncoded("A % has no two hexadecimal digits after it.") };
  const hex = encoded.replaceAll(/%(..)/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  const bytes = Buffer.from(hex, "latin1");
  return isUtf8(bytes)
    ? { value: bytes.toString() }
    : { wrong: notEncoded("Its percent-encoded bytes are not UTF-8.") };
}

function notEncoded(detail: string): Wrong {
  return {
    detail,
    expected: "printable ASCII, and other characters percent-encoded as UTF-8",
    fix: "Percent-encode spaces, double quotes, % and all characters outside printable ASCII, as in the HTTP binding of CloudEvents.",
  };
}
