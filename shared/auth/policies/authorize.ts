import { SCOPES, type Scope } from "./schema.ts";
import type { Policies, Grant } from "./policies.ts";
import { LEEWAY_SECONDS, type Identity } from "#auth/identity.ts";
import { CLIENT_FORM } from "#protocol/notification.ts";
import { isReserved } from "#protocol/target.ts";
import { ClientPatterns } from "./client-patterns.ts";
import { TargetPatterns, type TargetScope } from "./target-patterns.ts";

/** May this caller do this, and to this client? */
export interface Question {
  identity: Identity;
  scope: Scope;
  /** The client that it is about. A subscriber names itself. */
  client?: string | undefined;
  /** The queue, group or exchange that it is about: `queue/changes`. */
  target?: string | undefined;
  /**
   * The tenant that is operated or read. Only operators of the platform may name another tenant than their own. ""
   * means no tenant.
   */
  tenant?: string | undefined;
  /** Seconds since 1970. */
  now: number;
}

/** Returns why not, or undefined. */
type Check = (policies: Policies, question: Question) => string | undefined;

/** The grants of a tenant that trusts the scopes of its tokens. */
const TRUSTED: readonly Grant[] = [
  {
    scopes: SCOPES,
    subjects: new ClientPatterns(["*"]),
    clients: new ClientPatterns(["*"]),
    targets: undefined,
  },
];
const NONE: readonly Grant[] = [];
const EMPTY: ReadonlyMap<string, Grant> = new Map();

/** The mapping of the console's settings is its grant. */
const FROM_CONSOLE: readonly Grant[] = [{ ...TRUSTED[0]!, targets: new ClientPatterns(["*"]) }];

/** Operators of the platform. Their token comes from the platform's own issuer, and its tenant need not exist. */
function isOfPlatform(identity: Identity, scope: Scope): boolean {
  return mayOperatePlatform(identity) && (scope === "operate" || scope === "read");
}

/** Whether its issuer may speak for operators of the platform. */
export function mayOperatePlatform({ source }: Pick<Identity, "source">): boolean {
  return source.kind === "platform" || (source.kind === "console" && source.platform);
}

/** Checked in this order. The first failed check is the reason in the logs. */
export const CHECKS = {
  "it has not expired": (_, { identity, now }) =>
    identity.expires + LEEWAY_SECONDS < now ? "the token has expired" : undefined,

  "it has the scope": (_, { identity, scope }) =>
    identity.scopes.has(scope) || (scope === "read" && identity.scopes.has("operate"))
      ? undefined
      : `the token does not allow "${scope}"`,

  "its tenant is active": (policies, { identity, scope }) => {
    if (isOfPlatform(identity, scope)) return undefined;
    const tenant = policies.tenant(identity.tenant);
    if (!tenant?.row) return "there is no such tenant";
    if (tenant.unknown.size > 0) return `the tenant's row "${[...tenant.unknown][0]}" is not understood`;
    return tenant.row.state === "active" ? undefined : "the tenant is suspended";
  },

  "its issuer or key still exists": (policies, { identity: { source, tenant } }) => {
    if (source.kind === "issuer" && policies.issuer(source.name)?.tenant !== tenant) return "its issuer was deleted";
    if (source.kind === "key" && policies.key(source.id)?.tenant !== tenant) return "the key was deleted";
    return undefined;
  },

  "it was not revoked": (policies, { identity, scope }) => {
    // A tenant's operators write its revocations. They must not lock out a platform operator whose token names the
    // tenant.
    if (isOfPlatform(identity, scope)) return undefined;
    const { tenant, subject, issued } = identity;
    const revoked = policies.tenant(tenant)?.revoked;
    if (!revoked || revoked.size === 0) return undefined;
    if (issued <= (revoked.get("*") ?? -1)) return "everything issued to this tenant until then is revoked";
    return issued <= (revoked.get(subject) ?? -1)
      ? "everything issued to this subject until then is revoked"
      : undefined;
  },

  "a grant allows it": (policies, question) =>
    grantsOf(policies, question).length > 0 ? undefined : `no grant allows "${question.identity.subject}" to do this`,

  "the client matches its patterns": (policies, question) => {
    const { client, identity, scope } = question;
    if (scope === "subscribe" && !CLIENT_FORM.test(identity.subject)) return "the token's sub is not a client id";
    if (scope === "subscribe" && client !== identity.subject) return "it may subscribe as itself only";
    if (client === undefined || grantsOf(policies, question).some(({ clients }) => clients.has(client)))
      return undefined;
    return `none of its client patterns matches "${client}"`;
  },

  "the target is one of those that it may name": (policies, { identity, scope, target }) => {
    // An operator may change the grants themselves.
    if (target === undefined || scope === "operate") return undefined;
    if (scope === "consume" && !target.startsWith("queue/")) return "only queues can be read";
    if (scope === "publish" && isReserved(target)) return `only the platform itself publishes to "${target}"`;
    if (scope !== "publish" && scope !== "consume") return `"${scope}" needs no target`;
    return targetsOf(policies, identity, scope)?.has(target)
      ? undefined
      : `none of its target patterns matches "${target}"`;
  },

  "it belongs to this tenant": (_, { identity, scope, tenant }) =>
    tenant === undefined || tenant === identity.tenant || isOfPlatform(identity, scope)
      ? undefined
      : "it belongs to another tenant",
} as const satisfies Record<string, Check>;

const inOrder: Check[] = Object.values(CHECKS);

/** Why not, or undefined if it may. */
export function refusal(policies: Policies, question: Question): string | undefined {
  for (const check of inOrder) {
    const why = check(policies, question);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** Every check in the same order, with its result. */
export function explain(policies: Policies, question: Question): { check: string; holds: boolean; why?: string }[] {
  return Object.entries(CHECKS).map(([check, ask]) => {
    const why = ask(policies, question);
    return why === undefined ? { check, holds: true } : { check, holds: false, why };
  });
}

/** The clients that a publisher may publish to. Undefined means its whole tenant, and costs no check. */
export function clientsOf(policies: Policies, identity: Identity): ClientPatterns | undefined {
  const clients = grantsOf(policies, { identity, scope: "publish" }).map((grant) => grant.clients);
  if (clients.some(({ all }) => all)) return undefined;
  return clients.length === 1 ? clients[0] : new ClientPatterns(clients.flatMap(({ texts }) => texts));
}

/** The targets that it may publish to, or consume. Undefined means none. Ask once for each request, not for each item. */
export function targetsOf(policies: Policies, identity: Identity, scope: TargetScope): TargetPatterns | undefined {
  const { source, tenant, subject } = identity;
  // Trusted scopes name no targets, so that tokens of before gain nothing. A grant of the tenant names them.
  const grants =
    source.kind === "key" || source.kind === "console"
      ? grantsOf(policies, { identity, scope })
      : named(policies.tenant(tenant)?.grants ?? EMPTY, subject, scope);
  const targets = grants.flatMap((grant) => grant.targets ?? []);
  const [first, ...more] = targets;
  if (first === undefined) return undefined;
  const all = more.length === 0 ? first : new ClientPatterns(targets.flatMap(({ texts }) => texts));
  return new TargetPatterns(all, scope);
}

/** A key is its own grant. A token has the grants of its tenant, unless that trusts scopes alone. */
function grantsOf(policies: Policies, { identity, scope }: Pick<Question, "identity" | "scope">): readonly Grant[] {
  const { source, tenant: name, subject } = identity;
  if (source.kind === "key") {
    const key = policies.key(source.id);
    return key ? [key.grant] : NONE;
  }
  if (source.kind === "console") return FROM_CONSOLE;
  const tenant = policies.tenant(name);
  if (isOfPlatform(identity, scope) || tenant?.row?.trust === "scopes") return TRUSTED;
  return tenant ? named(tenant.grants, subject, scope) : NONE;
}

/** The grants that name a subject and a scope. */
function named(grants: ReadonlyMap<string, Grant>, subject: string, scope: Scope): readonly Grant[] {
  const found: Grant[] = [];
  for (const grant of grants.values())
    if (grant.scopes.includes(scope) && grant.subjects.has(subject)) found.push(grant);
  return found;
}
