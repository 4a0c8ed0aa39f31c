import { classify, Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { Incoming } from "@saasaparilla/shared/kafka/client.ts";
import { Kind, readPack, type BadItem } from "@saasaparilla/shared/protocol/pack.ts";
import {
  checkPublication,
  publicationKey,
  readPublication,
  type Publication,
} from "@saasaparilla/shared/protocol/publication.ts";
import type { MemberStore } from "#groups/member-store.ts";
import { audienceOf, slicesOf } from "./audience.ts";
import type { PageWriter } from "./page-writer.ts";
import type { PublicationEvents } from "./publication-events.ts";
import type { NewPublication } from "./publication-insert.ts";
import type { PublicationStore } from "./publication-store.ts";
import { resolve, type ExchangeTargets } from "./resolve.ts";

/** Keys whose small publications are written at once beside each other. */
const KEYS_AT_ONCE = 32;

export interface IntakeParts {
  publications: Pick<PublicationStore, "insert" | "busyKeys">;
  members: Pick<MemberStore, "page" | "count">;
  writer: Pick<PageWriter, "write">;
  exchangeTargets: ExchangeTargets;
  charge: (tenant: string, notifications: number, bytes: number) => number | Promise<number>;
  /** Resolves when the item is a dead letter. */
  reject: (record: Incoming, partition: number, item: BadItem) => Promise<void>;
  /** A publication runs from now on. */
  begun: () => void;
  timeline: Pick<PublicationEvents, "taken">;
  metrics: { fannedOut(written: number, refused: number): void; publication(state: NewPublication["state"]): void };
}

interface Accepted extends Publication {
  key: string;
  /** ms since 1970, by the broker. */
  appended: number;
}

/**
 * THE PATH of publications: dispatch > accepted, if they are due and have at most one page of recipients, or else >
 * Postgres. Publications of one key keep their order: while one of them runs, later ones wait behind it as rows.
 */
export class Intake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Resolves when all publications of the records are written or in Postgres. */
  async settle(records: readonly Incoming[], partition: number): Promise<void> {
    const publications: Accepted[] = [];
    const bad: { record: Incoming; item: BadItem }[] = [];
    for (const record of records) {
      readPack(record.value ?? NOTHING, (kind, body, index) => {
        try {
          publications.push(acceptedOf(kind, body, record));
        } catch (error) {
          if (classify(error) !== "reject") throw error;
          bad.push({ record, item: { index, kind, body, error } });
        }
      });
    }
    await this.#take(publications);
    for (const { record, item } of bad) await this.#parts.reject(record, partition, item);
  }

  async #take(publications: Accepted[]): Promise<void> {
    const rows: NewPublication[] = [];
    const due: Accepted[] = [];
    for (const publication of publications) {
      if (dueAt(publication) <= publication.appended) due.push(publication);
      else rows.push({ ...rowOf(publication), state: "waiting", due: dueAt(publication) });
    }
    const byKey = Map.groupBy(due, ({ key }) => key);
    const busy = due.length === 0 ? new Set<string>() : await this.#parts.publications.busyKeys([...byKey.keys()]);
    const keys = [...byKey];
    for (let from = 0; from < keys.length; from += KEYS_AT_ONCE) {
      const some = keys.slice(from, from + KEYS_AT_ONCE);
      const taken = await Promise.all(some.map(([key, ofKey]) => this.#takeKey(ofKey, busy.has(key))));
      rows.push(...taken.flat());
    }
    await this.#parts.publications.insert(rows);
    for (const row of rows) {
      this.#parts.metrics.publication(row.state);
      this.#parts.timeline.taken(row);
    }
    if (rows.some(({ state }) => state === "running")) this.#parts.begun();
  }

  /** The rows of one key's publications, in order. */
  async #takeKey(publications: readonly Accepted[], runs: boolean): Promise<NewPublication[]> {
    const rows: NewPublication[] = [];
    let behind = runs;
    for (const publication of publications) {
      const row = await this.#takeOne(publication, behind);
      behind ||= row.state === "running";
      rows.push(row);
    }
    return rows;
  }

  async #takeOne(publication: Accepted, behind: boolean): Promise<NewPublication> {
    const { members, exchangeTargets, writer, charge, metrics } = this.#parts;
    const { head, payload, key, appended } = publication;
    const { tenant } = head;
    const row = { ...rowOf(publication), due: appended };
    const resolved = resolve(head, exchangeTargets);
    if ("reason" in resolved) return { ...row, state: "skipped", payload: undefined, reason: resolved.reason };
    const { targets } = resolved;
    const running = async (): Promise<NewPublication> => ({
      ...row,
      head: { ...head, targets },
      state: "running",
      slices: await slicesOf(tenant, key, targets, members),
    });
    if (behind) return running();
    const audience = await audienceOf(tenant, key, targets, members);
    if ("slices" in audience) return { ...row, head: { ...head, targets }, state: "running", slices: audience.slices };
    // A tenant over its rate must not hold up the partition.
    const { recipients } = audience;
    const charged = recipients.length === 0 || head.charged;
    if (!charged && (await charge(tenant, recipients.length, payload.length)) > 0) return running();
    const { written, refused } = await writer.write({ head, payload, recipients });
    metrics.fannedOut(written, refused);
    return { ...row, head: { ...head, targets }, state: "done", payload: undefined, written, refused };
  }
}

function acceptedOf(kind: number, body: Buffer, { appended }: Incoming): Accepted {
  if (kind !== Kind.PUBLICATION) throw new Failure("reject", `An item of kind ${kind} is not a publication.`);
  const publication = readPublication(body);
  checkPublication(publication);
  const { tenant, to } = publication.head;
  return { ...publication, key: publicationKey(tenant, to), appended };
}

const NOTHING = Buffer.alloc(0);

function rowOf({ head, payload, key }: Accepted): Pick<NewPublication, "head" | "payload" | "key"> {
  return { head: { ...head, targets: [head.to] }, payload, key };
}

/** ms since 1970, by the broker's clock. */
function dueAt({ head: { at, delay }, appended }: Accepted): number {
  return at ?? appended + (delay ?? 0) * 1_000;
}
