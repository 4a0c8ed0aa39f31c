import type { KafkaLink, Outgoing } from "@saasaparilla/shared/kafka/client.ts";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { withTimeout } from "@saasaparilla/shared/runtime/timeout.ts";

const PATIENCE_MS = 5_000;

type Sender = Awaited<ReturnType<KafkaLink["sender"]>>;

/** Sends of rare requests. The service starts without Kafka, so the first request connects. */
export class KafkaSends {
  readonly #link: Pick<KafkaLink, "sender">;
  #sender: Promise<Sender> | undefined;

  constructor(link: Pick<KafkaLink, "sender">) {
    this.#link = link;
  }

  /** Once: the operator repeats the request. */
  async send(records: Outgoing[]): Promise<void> {
    this.#sender ??= this.#link.sender();
    const sending = this.#sender.then((sender) => sender.send(records));
    if (!(await withTimeout(PATIENCE_MS, sending)))
      throw new Failure("retry", `Kafka did not take the message within ${PATIENCE_MS / 1_000} s.`);
  }

  /** A sender that still waits for Kafka has nothing to close. */
  async close(): Promise<void> {
    const sender = this.#sender && (await withTimeout(PATIENCE_MS, this.#sender));
    await sender?.close();
  }
}
