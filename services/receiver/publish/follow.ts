import { nameOf } from "@saasaparilla/shared/http/problem.ts";
import type { Follower, FollowerOf } from "@saasaparilla/shared/auth/policies/tenant-timeline.ts";
import { clientKey, queueKey, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { recipientId, targetOf } from "@saasaparilla/shared/protocol/publication.ts";
import { FOLLOWED_FORMAT } from "@saasaparilla/shared/protocol/format.ts";
import type { EventLog } from "@saasaparilla/shared/timeline/event-log.ts";
import type { Details } from "@saasaparilla/shared/timeline/events.ts";
import { timeOf } from "./date-time.ts";
import { isDispatched } from "./forms.ts";
import type { Item } from "./item.ts";
import type { Published } from "./notification-schema.ts";

export interface FollowingParts {
  followerOf: FollowerOf;
  /** The newest form of bytes that this platform may write. */
  format: () => number;
  events: Pick<EventLog, "record" | "recordAt">;
  /** ms since 1970, for people to read. */
  wall: () => number;
}

interface From {
  tenant: string;
  publisher: string;
}

/** Decides which notifications are followed, and records what the receiver did with them. */
export class Following {
  readonly #parts: FollowingParts;

  constructor(parts: FollowingParts) {
    this.#parts = parts;
  }

  /** Undefined if nothing of this publisher is followed: then nothing is done for each item. */
  of({ tenant, publisher }: From): Follower | undefined {
    const { followerOf, format } = this.#parts;
    return format() >= FOLLOWED_FORMAT ? followerOf(tenant, publisher) : undefined;
  }

  /** Marks those that are sent, before they are written. Each has its own key and id. Returns the time. */
  mark(sent: readonly Item[], { tenant }: From, follower: Follower): number {
    for (const item of sent) {
      if (item.outcome !== "open") continue;
      const { client, id } = nameOfItem(item, tenant);
      item.followed = follower(client, id);
    }
    return this.#parts.wall();
  }

  /** `began`: when the request came. Its notifications may be on their way before Kafka's answer is here. */
  record(sent: readonly Item[], from: From, follower: Follower, began: number): void {
    const { events } = this.#parts;
    const { tenant, publisher } = from;
    for (const item of sent) {
      if (item.outcome === "open" || !item.published) continue;
      const { key, client, id } = nameOfItem(item, tenant);
      if (item.outcome === "accepted") {
        if (item.followed !== undefined)
          events.recordAt(began, "accepted", key, {
            id,
            detail: { publisher, why: item.followed, ...about(item.published) },
          });
      } else if (id !== "" && follower(client, id) !== undefined) {
        if (item.outcome === "repeated") events.record("repeated", key, id, { publisher });
        else events.record("refused", key, id, { publisher, problem: nameOf(item.outcome) });
      }
    }
  }
}

function about(published: Published): Omit<Details["accepted"], "publisher" | "why"> {
  const { to, event, ttl, at, delay } = published;
  return {
    ...(event !== undefined && { event }),
    ...(ttl !== undefined && { ttl }),
    ...(at !== undefined && { due: timeOf(at)! }),
    ...(delay !== undefined && { delay }),
    ...(isDispatched(published) && { target: targetOf(to) }),
  };
}

/** `client` is empty for a publication to many. */
function nameOfItem({ id, partOf, published }: Item, tenant: string): { key: ClientKey; client: string; id: string } {
  const { to } = published ?? { to: { clients: [] } };
  const key = "client" in to ? clientKey(tenant, to.client) : "queue" in to ? queueKey(tenant, to.queue) : `${tenant}/`;
  const client = key.slice(tenant.length + 1);
  return { key, client, id: partOf === undefined ? id : recipientId(partOf, key) };
}
