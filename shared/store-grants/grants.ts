import type { Topics } from "#kafka/topic-names.ts";

/** The roles in the stores. `auditor` reads the audit log, and is not a service. */
export const ROLE_NAMES = [
  "receiver",
  "director",
  "distributor",
  "console",
  "courier",
  "dispatcher",
  "recorder",
  "auditor",
] as const;
export type RoleName = (typeof ROLE_NAMES)[number];

export interface Grants {
  /** Postgres: verbs by table. A verb may name columns: `update (counted)`. */
  postgres: Readonly<Record<string, readonly string[]>>;
  /** Redis: the commands for the keys that begin with a prefix, after the namespace. */
  redis: readonly { keys: string; commands: readonly string[] }[];
  kafka: {
    read: readonly (keyof Topics)[];
    write: readonly (keyof Topics)[];
    /** Partitions and offsets of the topic, without its content. */
    describe: readonly (keyof Topics)[];
    /** Consumer groups, after the namespace; one that ends with `*` is a prefix. */
    groups: readonly string[];
  };
}

/** Each service reads the platform's format, and reports its own. */
const FORMAT = { platform: ["select"], service_formats: ["select", "insert", "update (at)", "delete"] } as const;
const ACCESS = { access: ["select"], access_version: ["select"], ...FORMAT } as const;

/** A service takes a ticket of the console, which relays a request of an operator. */
const RELAYED = { keys: "g:", commands: ["getdel"] } as const;

const WHOLE = ["select", "insert", "update", "delete"] as const;

const SHOWN = ["select", "delete"] as const;
const READ_AND_DELETED = {
  stored_notifications: SHOWN,
  inbox_items: SHOWN,
  inbox_marks: SHOWN,
  inbox_clients: SHOWN,
  members: SHOWN,
  full_clients: SHOWN,
  publications: SHOWN,
  publication_slices: SHOWN,
  quarantine: SHOWN,
  timeline: SHOWN,
} as const;

/**
 * All rights of each role. The statements of Postgres, users of Redis, ACLs of Kafka, and docs/reference/grants.md are
 * made from this table alone.
 */
export const GRANTS: Readonly<Record<RoleName, Grants>> = {
  receiver: {
    postgres: {
      ...ACCESS,
      full_clients: ["select"],
      full_tenants: ["select"],
      full_waiting: ["select"],
      // A dry run reads them.
      documents: ["select"],
      documents_version: ["select"],
      members: ["select"],
      tenant_use: ["select", "insert", "update", "delete"],
    },
    redis: [
      { keys: "r:", commands: ["eval", "evalsha", "get", "set"] },
      { keys: "p:", commands: ["get", "set", "unlink"] },
      RELAYED,
    ],
    kafka: { read: [], write: ["accepted", "dispatch", "audit", "events"], describe: [], groups: [] },
  },
  director: {
    postgres: {
      ...ACCESS,
      // The sweep locks the rows that it deletes, which needs a right to change some column.
      stored_notifications: ["select", "insert", "delete", "update (expires)"],
      full_clients: ["select", "insert", "delete", "update (counted)"],
      // Confirmations that wait for a gap count, too.
      claims: ["select"],
      full_tenants: ["select", "insert", "delete", "update (bound)"],
      // Triggers count, with their owner's rights.
      tenant_stored: ["select"],
      tenant_clients: ["select", "insert", "update (due)"],
    },
    redis: [{ keys: "c:", commands: ["hkeys"] }, { keys: "s:", commands: ["get"] }, RELAYED],
    kafka: {
      read: ["accepted", "control", "deferred", "deadLetters", "epochs"],
      // A dead letter is sent again to its original topic.
      write: ["accepted", "control", "deferred", "routed", "dispatch", "deadLetters", "audit", "events"],
      describe: [],
      groups: ["directors", "dead-letters-*", "epochs-*"],
    },
  },
  distributor: {
    postgres: { ...ACCESS, stored_notifications: ["select", "delete"] },
    redis: [
      { keys: "c:", commands: ["eval", "hset", "expire", "hdel"] },
      { keys: "s:", commands: ["eval", "get", "set", "del"] },
      { keys: "t:", commands: ["set", "getdel"] },
      RELAYED,
    ],
    kafka: { read: ["routed"], write: ["control", "audit", "events"], describe: ["accepted"], groups: ["slot-*"] },
  },
  console: {
    postgres: {
      ...FORMAT,
      access: ["select", "insert", "update", "delete"],
      access_version: ["select", "update"],
      documents: WHOLE,
      documents_version: ["select", "update"],
      full_tenants: ["select"],
      tenant_stored: ["select"],
      tenant_clients: ["select"],
      tenant_use: ["select"],
      // Support reads what the stores have of a client, and deletes it when asked to.
      ...READ_AND_DELETED,
      timeline_gaps: ["select"],
      timeline_days: ["select"],
    },
    redis: [
      // Sessions, sign-ins under way, and used sign-in tokens.
      { keys: "w:", commands: ["getex", "getdel", "set", "del"] },
      // Only the console makes relay tickets.
      { keys: "g:", commands: ["set"] },
      { keys: "c:", commands: ["hkeys", "hgetall"] },
      { keys: "s:", commands: ["get"] },
    ],
    // An operator's request to end connections goes to their slots.
    kafka: { read: [], write: ["audit", "routed"], describe: [], groups: [] },
  },
  dispatcher: {
    postgres: {
      ...ACCESS,
      documents: ["select"],
      documents_version: ["select"],
      members: WHOLE,
      full_clients: ["select"],
      full_waiting: ["select", "insert", "delete"],
      publications: WHOLE,
      // Postgres asks for it to draw a number.
      publication_places: ["update"],
      publication_slices: WHOLE,
      schedule_timers: WHOLE,
      queue_positions: WHOLE,
      claims: WHOLE,
      quarantine: WHOLE,
      // A confirmed message of a queue is deleted; a delete locks rows, which needs a right to change some column.
      stored_notifications: ["select", "delete", "update (expires)"],
    },
    // The rates of tenants, which a receiver counts too.
    redis: [{ keys: "r:", commands: ["eval", "evalsha", "get", "set"] }, RELAYED],
    kafka: {
      read: ["dispatch"],
      write: ["accepted", "dispatch", "deadLetters", "audit", "events"],
      describe: [],
      groups: ["dispatchers"],
    },
  },
  courier: {
    postgres: {
      ...ACCESS,
      inbox_items: WHOLE,
      inbox_marks: WHOLE,
      inbox_clients: WHOLE,
      // A trigger makes and drops the tables of weeks, with its owner's rights.
      inbox_weeks: ["select", "update (due)"],
    },
    redis: [{ keys: "c:", commands: ["hkeys"] }, { keys: "s:", commands: ["get"] }, RELAYED],
    kafka: {
      read: ["accepted", "epochs"],
      // Outcomes go to accepted. A mark goes to live connections.
      write: ["accepted", "routed", "audit", "events"],
      describe: [],
      groups: ["couriers", "epochs-*"],
    },
  },
  recorder: {
    postgres: {
      ...FORMAT,
      timeline: ["select", "insert"],
      timeline_gaps: ["select", "insert"],
      // A trigger makes and drops the tables of days, with its owner's rights.
      timeline_days: ["select", "update (due)", "update (days)"],
    },
    redis: [],
    kafka: { read: ["events"], write: [], describe: [], groups: ["recorders"] },
  },
  auditor: {
    postgres: {},
    redis: [],
    kafka: { read: ["audit"], write: [], describe: [], groups: ["audit-*"] },
  },
};

/** The name of a role in every store. */
export function roleOf(namespace: string, role: RoleName): string {
  return `${namespace}_${role}`;
}

export const uses = (role: RoleName, store: "postgres" | "redis"): boolean =>
  Object.keys(GRANTS[role][store]).length > 0;

/** The address of a store, or of each of its nodes, with the name and password of a role. */
export function asRole(addresses: string, name: string, password: string): string {
  return addresses
    .split(",")
    .map((address) => {
      const url = new URL(address.trim());
      url.username = name;
      url.password = password;
      return url.href;
    })
    .join(",");
}
