import type { FollowerOf } from "@saasaparilla/shared/auth/policies/tenant-timeline.ts";
import { FOLLOWED_FORMAT } from "@saasaparilla/shared/protocol/format.ts";
import { TENANT_FORM, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { BadItem } from "@saasaparilla/shared/protocol/pack.ts";
import { shorten } from "@saasaparilla/shared/http/problem.ts";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { readPublication, targetOf, type PublicationHead } from "@saasaparilla/shared/protocol/publication.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import { MOST_WHY, type Details } from "@saasaparilla/shared/timeline/events.ts";
import type { NewPublication } from "./publication-insert.ts";

export interface PublicationEventsParts {
  events: Events;
  followerOf: FollowerOf;
  /** The newest form of bytes that this platform may write. */
  format: () => number;
}

export type RecipientFollower = (key: ClientKey, id: string) => boolean;

const every: RecipientFollower = () => true;

/** Follows publications to their recipients, and records what the dispatcher does with them. */
export class PublicationEvents {
  readonly #parts: PublicationEventsParts;

  constructor(parts: PublicationEventsParts) {
    this.#parts = parts;
  }

  /**
   * Of a sample, each recipient's notification is drawn on its own: a large group would fill the timeline. A watched
   * client is followed whatever its publication says. Undefined: none is followed.
   */
  follower({ tenant, publisher, followed }: PublicationHead): RecipientFollower | undefined {
    const { followerOf, format } = this.#parts;
    if (format() < FOLLOWED_FORMAT) return undefined;
    if (followed === "all" || followed === "watch") return every;
    const follower = followerOf(tenant, publisher);
    return follower && ((key, id) => follower(key.slice(tenant.length + 1), id) !== undefined);
  }

  /** One recipient's notification is on its way to Kafka. */
  written(head: PublicationHead, key: ClientKey, id: string): void {
    const detail = { publication: head.id, target: targetOf(head.to) };
    this.#parts.events.record("fanned-out", key, id, detail);
  }

  /** The publication is in Postgres, or ended at once. */
  taken({ head, state, due, written = 0, refused = 0, reason }: NewPublication): void {
    if (head.followed === undefined) return;
    if (state === "waiting") this.#record(head, "scheduled", { due, target: targetOf(head.to) });
    else if (state === "skipped") this.#record(head, "skipped", { why: reason ?? "" });
    else if (state === "done") this.ended(head, written, refused);
  }

  ended(head: PublicationHead, written: number, refused: number): void {
    if (head.followed !== undefined) this.#record(head, "fanned-out", { target: targetOf(head.to), written, refused });
  }

  cancelled(head: PublicationHead, by: string): void {
    if (head.followed !== undefined) this.#record(head, "cancelled", { by });
  }

  /** It is a dead letter. Always recorded, if its head can be read. */
  rejected(place: { topic: string; partition: number; offset: number }, { index, body, error }: BadItem): void {
    let head: PublicationHead;
    try {
      ({ head } = readPublication(body));
    } catch {
      // Only the dead letters know it.
      return;
    }
    const { id, tenant } = head;
    if (!TENANT_FORM.test(String(tenant)) || typeof id !== "string") return;
    const why = shorten(messageOf(error), MOST_WHY);
    this.#parts.events.record("dead-lettered", `${tenant}/`, id, { why, ...place, index });
  }

  #record(head: PublicationHead, ...[kind, detail]: Recorded): void {
    const { tenant, to } = head;
    const key = "client" in to ? `${tenant}/${to.client}` : `${tenant}/`;
    this.#parts.events.record(kind, key, head.id, detail);
  }
}

type Kinds = "scheduled" | "skipped" | "fanned-out" | "cancelled";
type Recorded = { [K in Kinds]: [kind: K, detail: Details[K]] }[Kinds];
