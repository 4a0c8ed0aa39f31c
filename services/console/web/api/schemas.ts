// From /openapi.json of the console, by: npx just console-types
/* oxlint-disable max-lines */

export interface Schemas {
  BeginSessionResult: {
    subject: string;
    platform: boolean;
    tenants: string[];
    scopes: string[];
    csrf: string;
    expires: string;
  };
  CreateKeyBody: {
    name: string;
    scopes: ("publish" | "operate" | "read" | "consume")[];
    clients?: string[];
    targets?: string[];
    expiresIn?: number;
  };
  CreateKeyResult: { id: string; key: string };
  DeleteClientResult: {
    finished: boolean;
    deleted: Record<string, number>;
    remains: { where: string; what: string; until: string }[];
    notes: string[];
  };
  DeleteTenantResult: {
    finished: boolean;
    deleted: Record<string, number>;
    remains: { where: string; what: string; until: string }[];
    notes: string[];
  };
  DisconnectClientResult: { connections: string[] };
  ExplainAccessBody:
    | {
        token: string;
        scope: "publish" | "subscribe" | "operate" | "read" | "consume";
        client?: string;
        target?: string;
        origin?: string;
      }
    | {
        subject: string;
        scopes: ("publish" | "subscribe" | "operate" | "read" | "consume")[];
        issuer?: string;
        scope: "publish" | "subscribe" | "operate" | "read" | "consume";
        client?: string;
        target?: string;
        origin?: string;
      }
    | { origin: string };
  ExplainAccessResult: {
    allowed: boolean;
    subject?: string;
    checks: { check: string; holds: boolean; why?: string }[];
  };
  ExplainClientResult: {
    client: string;
    id?: string;
    state?: {
      name:
        | "accepted"
        | "waiting"
        | "fanned-out"
        | "held"
        | "sent"
        | "stored"
        | "acknowledged"
        | "read"
        | "expired"
        | "replaced"
        | "retracted"
        | "refused"
        | "cancelled"
        | "skipped"
        | "repeated"
        | "quarantined"
        | "undeliverable"
        | "dead-lettered"
        | "unknown";
      sentence: string;
      since?: string;
    };
    sentences: string[];
    unknown: string[];
  };
  ExplainExchangeBody: { key?: string; headers?: Record<string, string | number | boolean | null> };
  ExplainExchangeResult: {
    bindings: {
      index: number;
      name?: string;
      matches: boolean;
      why: string;
      to: { client: string } | { clients: string[] } | { group: string } | { queue: string };
    }[];
    fallback: boolean;
    recipients: ({ client: string } | { clients: string[] } | { group: string } | { queue: string })[];
  };
  ExplainScheduleResult: { zone: string; paused: boolean; times: string[] };
  GetClientResult: {
    client: string;
    connections: { connection: string; slot: number; transport?: string; since?: string; address?: string }[] | null;
    stored: { count: number; more: boolean; oldest?: string };
    inbox: { count: number; newest?: string };
    groups: string[];
    lastAcknowledged?: string;
    recent: {
      id: string;
      at: string;
      state: {
        name:
          | "accepted"
          | "waiting"
          | "fanned-out"
          | "held"
          | "sent"
          | "stored"
          | "acknowledged"
          | "read"
          | "expired"
          | "replaced"
          | "retracted"
          | "refused"
          | "cancelled"
          | "skipped"
          | "repeated"
          | "quarantined"
          | "undeliverable"
          | "dead-lettered"
          | "unknown";
        sentence: string;
        since?: string;
      };
    }[];
  };
  GetExchangeResult: { tenant: string; id?: string; changed: string };
  GetFiguresResult: {
    source: string;
    times: number[];
    series: Record<string, (number | null)[]>;
    connections: Record<string, number>;
  };
  GetGrantResult: { tenant: string; id?: string; changed: string };
  GetIssuerResult: { tenant: string; id?: string; changed: string };
  GetNotificationResult: {
    id: string;
    client?: string;
    state: {
      name:
        | "accepted"
        | "waiting"
        | "fanned-out"
        | "held"
        | "sent"
        | "stored"
        | "acknowledged"
        | "read"
        | "expired"
        | "replaced"
        | "retracted"
        | "refused"
        | "cancelled"
        | "skipped"
        | "repeated"
        | "quarantined"
        | "undeliverable"
        | "dead-lettered"
        | "unknown";
      sentence: string;
      since?: string;
    };
    events: {
      at: string;
      service: string;
      instance: string;
      client?: string;
      kind: string;
      detail: Record<string, unknown>;
      sentence: string;
    }[];
    gaps: { service: string; instance: string; from: string; to: string; count: number }[];
    unknown: string[];
    stored?: { client: string; since: string; expires?: string };
    publication?: {
      state: "waiting" | "running" | "cancelling" | "done" | "cancelled" | "skipped";
      target: string;
      due: string;
      ended?: string;
      written: number;
      refused: number;
      reason?: string;
    };
    quarantined?: { queue: string; reason: string; at: string };
    inbox?: { client: string; since: string; mark: "none" | "seen" | "read" | "archived" };
    payload?: { store: "stored" | "quarantine" | "publication" | "inbox"; text: string };
  };
  GetQueueResult: { tenant: string; id?: string; changed: string };
  GetRefusalResult: {
    instance: string;
    at: string;
    service: string;
    problem: string;
    status: number;
    method: string;
    path: string;
    why: string;
  };
  GetRevocationResult: { tenant: string; id?: string; changed: string };
  GetScheduleResult: { tenant: string; id?: string; changed: string };
  GetSessionResult: {
    subject: string;
    platform: boolean;
    tenants: string[];
    scopes: string[];
    csrf: string;
    expires: string;
  };
  GetTenantResult: { tenant: string; id?: string; changed: string };
  GetWatchResult: { id: string; until: string };
  Health: {
    live?: boolean;
    serving?: boolean;
    ready?: boolean;
    missing?: Record<string, string>;
    ailing?: Record<string, string>;
  };
  ListAuditResult: { items: Record<string, unknown>[]; next?: string };
  ListExchangesResult: { items: { tenant: string; id?: string; changed: string }[]; next?: string };
  ListGrantsResult: { items: { tenant: string; id?: string; changed: string }[]; next?: string };
  ListIssuersResult: { items: { tenant: string; id?: string; changed: string }[]; next?: string };
  ListKeysResult: { items: { tenant: string; id?: string; changed: string }[]; next?: string };
  ListLoudestTenantsResult: {
    items: {
      tenant: string;
      stored: { notifications: number; bytes: number; clients: number; full?: "bytes" | "clients" };
      published: { notifications: number; bytes: number };
      refused: Record<string, number>;
    }[];
  };
  ListNotificationsResult: {
    items: {
      id: string;
      at: string;
      service: string;
      instance: string;
      client?: string;
      kind: string;
      detail: Record<string, unknown>;
      sentence: string;
    }[];
    next?: string;
  };
  ListQueuesResult: { items: { tenant: string; id?: string; changed: string }[]; next?: string };
  ListRefusalsResult: {
    items: {
      instance: string;
      at: string;
      service: string;
      problem: string;
      status: number;
      method: string;
      path: string;
      why: string;
    }[];
    next?: string;
  };
  ListRevocationsResult: { items: { tenant: string; id?: string; changed: string }[]; next?: string };
  ListSchedulesResult: { items: { tenant: string; id?: string; changed: string }[]; next?: string };
  ListServicesResult: {
    services: {
      service: string;
      instance: string;
      version: string;
      ready: boolean;
      away: string[];
      partitions?: number;
      lag?: number;
      lastError?: { at: string; message: string };
    }[];
    unknown: string[];
  };
  ListTenantsResult: { items: { tenant: string; id?: string; changed: string }[]; next?: string };
  ListWatchesResult: { items: { id: string; until: string }[] };
  Problem: {
    type: string;
    title: string;
    status: number;
    detail: string;
    fix?: string;
    errors?: Schemas["ProblemError"][];
    errorCount?: number;
    retryAfter?: number;
    instance?: string;
    items?: Schemas["UnknownItem"][];
  };
  ProblemError: { pointer: string; line?: number; header?: string; detail: string; expected: string; fix: string };
  ProblemType: { type: string; status: number; title: string; about: string; fix: string };
  PutExchangeBody: {
    type: "direct" | "fanout" | "headers";
    bindings: {
      name?: string;
      key?: string;
      headers?: Record<string, unknown>;
      to: { client: string } | { clients: string[] } | { group: string } | { queue: string };
    }[];
    fallback?: { client: string } | { clients: string[] } | { group: string } | { queue: string };
  };
  PutExchangeResult: {
    type: "direct" | "fanout" | "headers";
    bindings: {
      name?: string;
      key?: string;
      headers?: Record<string, unknown>;
      to: { client: string } | { clients: string[] } | { group: string } | { queue: string };
    }[];
    fallback?: { client: string } | { clients: string[] } | { group: string } | { queue: string };
  };
  PutGrantBody: {
    role: "publisher" | "subscriber" | "operator" | "auditor" | "consumer";
    subjects: string[];
    clients?: string[];
    targets?: string[];
  };
  PutGrantResult: {
    role: "publisher" | "subscriber" | "operator" | "auditor" | "consumer";
    subjects: string[];
    clients: string[];
    targets?: string[];
  };
  PutIssuerBody: {
    issuer: string;
    audience: string;
    subjectClaim?: string;
    scopeClaim?: string | string[];
    scopePrefix?: string;
    audienceClaim?: string;
    defaultScopes?: "subscribe"[];
    algorithms: ("EdDSA" | "ES256" | "ES384" | "RS256" | "PS256" | "HS256")[];
    jwks?: { keys: { kty: "OKP" | "EC" | "RSA"; kid?: string }[] };
    jwksUrl?: string;
    secret?: string;
    secretEncoding?: "utf8" | "base64url";
  };
  PutIssuerResult: {
    issuer: string;
    audience: string;
    subjectClaim?: string;
    scopeClaim?: string | string[];
    scopePrefix?: string;
    audienceClaim?: string;
    defaultScopes?: "subscribe"[];
    algorithms: ("EdDSA" | "ES256" | "ES384" | "RS256" | "PS256" | "HS256")[];
    jwks?: { keys: { kty: "OKP" | "EC" | "RSA"; kid?: string }[] };
    jwksUrl?: string;
  };
  PutQueueBody: { maxAttempts?: number; claimSeconds?: number };
  PutQueueResult: { maxAttempts?: number; claimSeconds: number };
  PutRevocationBody: { before?: number };
  PutRevocationResult: { before: number };
  PutScheduleBody: {
    cron: string;
    zone: string;
    to:
      | { client: string }
      | { clients: string[] }
      | { group: string }
      | { queue: string }
      | { exchange: string; key?: string };
    data: unknown;
    event?: string;
    headers?: Record<string, string | number | boolean | null>;
    ttl?: number;
    missed?: "one" | "all" | "none";
    catchUp?: number;
    paused?: boolean;
  };
  PutScheduleResult: {
    cron: string;
    zone: string;
    to:
      | { client: string }
      | { clients: string[] }
      | { group: string }
      | { queue: string }
      | { exchange: string; key?: string };
    data: unknown;
    event?: string;
    headers?: Record<string, string | number | boolean | null>;
    ttl?: number;
    missed: "one" | "all" | "none";
    catchUp: number;
    paused?: boolean;
  };
  PutTenantBody: {
    state?: "active" | "suspended";
    trust?: "scopes" | "grants";
    limits?: Record<string, number>;
    origins?: string[];
    inbox?: { events: string[]; items?: number; days?: number };
    timeline?: { follow: "all" | "exceptions" | number };
    watches?: ({ client: string; until: number } | { publisher: string; until: number })[];
  };
  PutTenantResult: {
    state: "active" | "suspended";
    trust: "scopes" | "grants";
    limits: Record<string, number>;
    origins?: string[];
    inbox?: { events: string[]; items?: number; days?: number };
    timeline?: { follow: "all" | "exceptions" | number };
    watches?: ({ client: string; until: number } | { publisher: string; until: number })[];
  };
  PutWatchBody: { seconds: number };
  PutWatchResult: { id: string; until: string };
  RotateKeyBody: { overlapSeconds?: number };
  RotateKeyResult: { id: string; key: string };
  TryPublishBody: Record<string, unknown>;
  UnknownItem: { index: number; id: string };
}
