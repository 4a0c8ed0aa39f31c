import { createHash } from "node:crypto";
import type { Row } from "@saasaparilla/shared/postgres/row-store.ts";
import type { Written } from "@saasaparilla/shared/auth/audit-log.ts";
import { usableKey } from "@saasaparilla/shared/auth/tokens/jwk.ts";
import { TENANT_ROW } from "@saasaparilla/shared/auth/policies/schema.ts";

/** The most characters of one value in the audit log, as JSON. */
const VALUE_LENGTH = 400;

type Members = Record<string, unknown>;

/** The members that a change altered, for the audit log: each shortened, without secrets. */
export function writtenBy({ kind, tenant, id, value }: Row, before: unknown): Written {
  const [old, now] = [shown(before), shown(value)];
  const changed: Record<string, [unknown, unknown]> = {};
  for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const [from, to] = [old[name] ?? null, now[name] ?? null];
    if (JSON.stringify(from) !== JSON.stringify(to)) changed[name] = [short(from), short(to)];
  }
  return { kind, id: id === TENANT_ROW ? tenant : id, changed };
}

/** Keys and secrets appear as a fingerprint, which shows which ones changed. */
function shown(value: unknown): Members {
  const { hash: _hash, sealedSecret, jwks, ...rest } = (value ?? {}) as Members;
  return {
    ...rest,
    ...(sealedSecret !== undefined && { secret: `sealed ${digest(sealedSecret as string)}` }),
    ...(jwks !== undefined && { jwks: (jwks as { keys: Members[] }).keys.map(nameOf) }),
  };
}

function nameOf(key: Members): string {
  const kid = typeof key.kid === "string" ? key.kid.slice(0, 40) : "no kid";
  try {
    return `${kid} ${usableKey(key).slice(0, 8)}`;
  } catch {
    return `${kid} unusable`;
  }
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);

function short(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text.length <= VALUE_LENGTH ? value : `${text.slice(0, VALUE_LENGTH)}…`;
}
