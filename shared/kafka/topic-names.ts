/** Names of the topics, groups and settings that belong to them. What their records hold is in protocol/pack.ts. */
export interface Topics {
  /** Receiver to director, by client; log-append time; days of retention. */
  accepted: string;
  /** Director to distributor; the partition is the slot; minutes of retention. */
  routed: string;
  /** Distributor to director, co-partitioned with accepted; minutes of retention. */
  control: string;
  /** Director to itself, co-partitioned with accepted: what it would have stored while Postgres was away; days. */
  deferred: string;
  deadLetters: string;
  /** Provision to directors: the present epoch is its last record; for ever. */
  epochs: string;
  /** Who tried what; lines of JSON; a month. */
  audit: string;
}

export function topicsOf(namespace: string): Topics {
  return {
    accepted: `${namespace}.accepted`,
    routed: `${namespace}.routed`,
    control: `${namespace}.control`,
    deferred: `${namespace}.deferred`,
    deadLetters: `${namespace}.dead-letters`,
    epochs: `${namespace}.epochs`,
    audit: `${namespace}.audit`,
  };
}

/** The directors' one consumer group. */
export function directorGroup(namespace: string): string {
  return `${namespace}.directors`;
}
