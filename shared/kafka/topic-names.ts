/** Names of the platform's topics and groups, and the topics' settings. protocol/pack.ts describes the records. */
/** Kafka keeps the records of accepted for so many days. */
export const ACCEPTED_DAYS = 7;

export interface Topics {
  /** Receiver to director, by client; log-append time; days of retention. */
  accepted: string;
  /** Director to distributor; the partition is the slot; minutes of retention. */
  routed: string;
  /** Distributor to director, co-partitioned with accepted; minutes of retention. */
  control: string;
  /**
   * Director to itself, co-partitioned with accepted: rows it could not store while Postgres was down; days of
   * retention.
   */
  deferred: string;
  deadLetters: string;
  /** Provision to directors: its last record is the present epoch; kept for ever. */
  epochs: string;
  /** Receiver to dispatcher: publications to expand or hold back; log-append time; days of retention. */
  dispatch: string;
  /** Attempts of callers; lines of JSON; a month of retention. */
  audit: string;
  /** All services to recorder: what became of notifications; log-append time; a day of retention. */
  events: string;
}

export function topicsOf(namespace: string): Topics {
  return {
    accepted: `${namespace}.accepted`,
    routed: `${namespace}.routed`,
    control: `${namespace}.control`,
    deferred: `${namespace}.deferred`,
    deadLetters: `${namespace}.dead-letters`,
    epochs: `${namespace}.epochs`,
    dispatch: `${namespace}.dispatch`,
    audit: `${namespace}.audit`,
    events: `${namespace}.events`,
  };
}

/** The one consumer group of all directors. */
export function directorGroup(namespace: string): string {
  return `${namespace}.directors`;
}

/** The one consumer group of all dispatchers. */
export function dispatcherGroup(namespace: string): string {
  return `${namespace}.dispatchers`;
}

/** The one consumer group of all couriers, which read accepted too. */
export function courierGroup(namespace: string): string {
  return `${namespace}.couriers`;
}

/** The one consumer group of all recorders. */
export function recorderGroup(namespace: string): string {
  return `${namespace}.recorders`;
}

/** The group of one distributor, which reads its slot. */
export function slotGroup(namespace: string, slot: number, incarnation: number): string {
  return `${namespace}.slot-${slot}-${incarnation}`;
}
