import { randomBytes } from "node:crypto";
import type { Batch } from "@saasaparilla/shared/kafka/client.ts";
import { packSequence, sequenceAt, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { Kind, readPack, readMessage } from "@saasaparilla/shared/protocol/pack.ts";
import { asControl } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { Stack } from "#tests/support/stack.ts";
import { now } from "./clock.ts";
import { Link } from "./kafka-link.ts";
import { clientName, dataOf } from "./load-publisher.ts";

const GENERATION = 1;
const EPOCH = 1;

interface Lane {
  slot: number;
  incarnation: number;
  session: number;
  partition: number;
  prev: Sequence;
  n: number;
}

/**
 * Replaces the director, to measure a distributor alone. It grants every hold, accepts every commit, routes to live
 * clients, and ignores acknowledgements.
 */
export class FakeDirector {
  readonly #lanes = new Map<ClientKey, Lane>();
  #link!: Link;
  #committed: () => void = () => {};
  #holds = 0;
  #sequences = 0;
  sent = 0;

  static async of(stack: Stack): Promise<FakeDirector> {
    const director = new FakeDirector();
    director.#link = await Link.open(
      stack,
      ({ control }) => control,
      (batch) => director.#read(batch),
    );
    return director;
  }

  /** Resolves once this many clients have committed: a client gets `live` before its commit arrives. */
  async allLive(count: number): Promise<void> {
    if (this.#lanes.size >= count) return;
    await new Promise<void>((resolve) => {
      this.#committed = () => {
        if (this.#lanes.size >= count) resolve();
      };
    });
  }

  /** Routes one notification to this client. */
  deliver(client: number): void {
    const key = `acme/${clientName(client)}`;
    const lane = this.#lanes.get(key)!;
    this.#sequences += 1;
    const sequence = sequenceAt(packSequence(EPOCH, this.#sequences), 0);
    const { prev, slot, incarnation, session, partition } = lane;
    const body = bodyOf(key, dataOf(lane.n, now()));
    this.#link.producer.add(this.#link.topics.routed, slot, (writer) =>
      writer.deliver({
        incarnation,
        session,
        partition,
        generation: GENERATION,
        appended: Date.now(),
        prev,
        sequence,
        body,
      }),
    );
    lane.prev = sequence;
    lane.n += 1;
    this.sent += 1;
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  #read({ partition, records }: Batch): void {
    for (const { value } of records) {
      readPack(value!, (kind, body) => {
        if (kind !== Kind.SIGNAL) return;
        const message = asControl(readMessage(body));
        if (message.type === "prepare") {
          const { slot, incarnation, session } = message;
          this.#holds += 1;
          const hold = this.#holds;
          this.#link.producer.add(this.#link.topics.routed, slot, (writer) =>
            writer.signal({ type: "held", partition, generation: GENERATION, incarnation, session, hold }),
          );
        } else if (message.type === "commit") {
          const { slot, incarnation, session, sent } = message;
          this.#lanes.set(message.key, { slot, incarnation, session, partition, prev: sent, n: 0 });
          this.#committed();
        } else if (message.type === "close") {
          this.#lanes.delete(message.key);
        }
      });
    }
  }
}

/** A notification's body in the format of shared/protocol/pack.ts. */
function bodyOf(key: ClientKey, data: string): Buffer {
  const body = Buffer.alloc(24 + key.length + data.length);
  randomBytes(16).copy(body);
  body.writeUInt16BE(key.length, 22);
  body.write(key, 24, "latin1");
  body.write(data, 24 + key.length, "latin1");
  return body;
}
