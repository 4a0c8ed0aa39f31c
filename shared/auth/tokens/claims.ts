import type { JWTPayload } from "jose";
import { SCOPES, type ClaimMapping, type Scope } from "#auth/policies/schema.ts";
import { Refused } from "#auth/identity.ts";
import { subjectProblem } from "#auth/subject.ts";

/** A claim by its name, or else by its path with dots: `realm_access.roles`. */
function claimAt(payload: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path];
  let value: unknown = payload;
  for (const part of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

export function subjectOf(payload: JWTPayload, { subjectClaim = "sub" }: ClaimMapping): string {
  const subject = claimAt(payload, subjectClaim);
  const problem = subjectProblem(subject);
  if (problem !== undefined) throw new Refused(`the token's ${subjectClaim} ${problem}`);
  return subject as string;
}

/** For an audience outside `aud`. jose checks `aud` itself. */
export function checkAudience(payload: JWTPayload, audience: string, { audienceClaim = "aud" }: ClaimMapping): void {
  if (audienceClaim === "aud") return;
  const said = claimAt(payload, audienceClaim);
  if (said !== audience && !(Array.isArray(said) && said.includes(audience)))
    throw new Refused(`the token's ${audienceClaim} is not the issuer's audience`);
}

const scopeSets = new Map<string, ReadonlySet<Scope>>();

/** Only the scopes with a meaning here: connections are many, and a token may list any number of others. */
export function scopesOf(payload: JWTPayload, mapping: ClaimMapping): ReadonlySet<Scope> {
  const { scopeClaim = "scope", scopePrefix = "", defaultScopes = [] } = mapping;
  const said = new Set<string>(defaultScopes);
  for (const claim of typeof scopeClaim === "string" ? [scopeClaim] : scopeClaim)
    for (const word of wordsOf(payload, claim))
      if (word.startsWith(scopePrefix)) said.add(word.slice(scopePrefix.length));
  const known = SCOPES.filter((one) => said.has(one));
  const key = known.join(" ");
  let scopes = scopeSets.get(key);
  if (!scopes) scopeSets.set(key, (scopes = new Set(known)));
  return scopes;
}

function wordsOf(payload: JWTPayload, claim: string): string[] {
  const value = claimAt(payload, claim);
  if (value === undefined) return [];
  if (typeof value === "string") return value.split(" ");
  if (Array.isArray(value)) return value.filter((one) => typeof one === "string");
  throw new Refused(`the token's ${claim} is neither a string nor a list`);
}
