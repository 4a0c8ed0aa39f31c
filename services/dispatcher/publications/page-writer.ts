import { isTracedContext, startSpan } from "@saasaparilla/shared/tracing/spans.ts";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import { partitionOf, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { writeOptions } from "@saasaparilla/shared/protocol/options.ts";
import { recipientId, type PublicationHead } from "@saasaparilla/shared/protocol/publication.ts";
import type { NewNotification, PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { Pace } from "./pace.ts";
import type { PublicationEvents, RecipientFollower } from "./publication-events.ts";

/** Notifications that are handed over at once. Between two parts, directors read those of others. */
const PART = 100;

export interface Page {
  head: PublicationHead;
  payload: Buffer;
  recipients: readonly ClientKey[];
}

export interface Written {
  written: number;
  refused: number;
}

export interface PageWriterParts {
  producer: Pick<BatchingProducer, "add">;
  /** The name of accepted. */
  topic: string;
  partitions: () => number;
  pace: Pick<Pace, "turn">;
  /** The recipient has as much stored as it may. */
  isFull: (key: ClientKey) => boolean;
  timeline: Pick<PublicationEvents, "follower" | "written">;
}

/** Writes one notification for each recipient to accepted, at the pace of its directors. */
export class PageWriter {
  readonly #parts: PageWriterParts;

  constructor(parts: PageWriterParts) {
    this.#parts = parts;
  }

  /** Resolves when all are in Kafka. The producer repeats failed sends, so only a shutdown rejects it. */
  async write(page: Page): Promise<Written> {
    if (!isTracedContext(page.head.traceparent)) return this.#write(page);
    const { traceparent, span } = startSpan("page", "consumer", page.head.traceparent);
    span?.setAttributes({ "publication.id": page.head.id, "notifications.count": page.recipients.length });
    try {
      // Its notifications continue this span.
      return await this.#write({ ...page, head: { ...page.head, traceparent } });
    } finally {
      span?.end();
    }
  }

  async #write({ head, payload, recipients }: Page): Promise<Written> {
    const { pace, isFull, partitions, timeline } = this.#parts;
    const reachable = recipients.filter((key) => !isFull(key));
    const count = partitions();
    const notification = notificationOf(head, payload);
    const sent: Promise<void>[] = [];
    // The only recipient keeps the publication's id.
    const follower = timeline.follower(head);
    const single = "client" in head.to || "queue" in head.to;
    for (let from = 0; from < reachable.length; from += PART) {
      const part = reachable.slice(from, from + PART);
      const target = part.map((key) => partitionOf(key, count));
      await pace.turn(target);
      sent.push(this.#add(notification, head, { part, target, single, follower }));
    }
    await Promise.all(sent);
    return { written: reachable.length, refused: recipients.length - reachable.length };
  }

  #add(notification: NewNotification, head: PublicationHead, { part, target, single, follower }: Part): Promise<void> {
    const { producer, topic, timeline } = this.#parts;
    const write = (writer: PackWriter): void => writer.notification(notification);
    return new Promise((resolve, reject) => {
      let open = part.length;
      // One function for all, because each has a callback.
      const sent = (error: unknown): void => {
        if (error !== undefined) reject(new Failure("retry", "The notifications were not sent.", { cause: error }));
        else if ((open -= 1) === 0) resolve();
      };
      for (let index = 0; index < part.length; index += 1) {
        notification.key = part[index]!;
        notification.id = single ? head.id : recipientId(head.id, notification.key);
        notification.followed = follower?.(notification.key, notification.id) ?? false;
        producer.add(topic, target[index]!, write, sent);
        if (notification.followed) timeline.written(head, notification.key, notification.id);
      }
    });
  }
}

interface Part {
  part: readonly ClientKey[];
  target: readonly number[];
  single: boolean;
  follower: RecipientFollower | undefined;
}

function notificationOf(head: PublicationHead, payload: Buffer): NewNotification {
  const { ttl = 0, event = "", traceparent = "", headers, collapse, retract, outcomes } = head;
  const options = writeOptions({
    ...(headers === undefined ? {} : { headers: JSON.stringify(headers) }),
    ...(collapse === undefined ? {} : { collapse }),
    ...(retract === undefined ? {} : { retract }),
    ...(outcomes === undefined ? {} : { outcomes }),
  });
  return { key: "", id: "", ttl, event, traceparent, options: options.length > 0 ? options : undefined, payload };
}
