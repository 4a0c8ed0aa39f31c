import type { Publisher } from "./publisher.ts";
import type { Service, Stack } from "./stack.ts";
import { Subscriber } from "./subscriber.ts";
import { TRANSPORTS } from "./raw-transports.ts";

/**
 * Connected clients over all three transports, and the same number of offline ones. A failure must not affect them.
 */
export class Crowd {
  readonly connected: Subscriber[];
  readonly #absent: Subscriber[];

  private constructor(connected: Subscriber[], absent: Subscriber[]) {
    this.connected = connected;
    this.#absent = absent;
  }

  static async gather(stack: Stack, distributor: Service, name: string, each = 6): Promise<Crowd> {
    const make = (place: string): Promise<Subscriber[]> =>
      Promise.all(
        TRANSPORTS.flatMap((transport) =>
          Array.from({ length: each }, (_, index) =>
            Subscriber.of(stack, { client: `${name}-${place}-${transport}-${index}`, transport }),
          ),
        ),
      );
    const crowd = new Crowd(await make("here"), await make("away"));
    await Promise.all(crowd.connected.map((subscriber) => subscriber.connect(distributor)));
    return crowd;
  }

  get clients(): string[] {
    return [...this.connected, ...this.#absent].map(({ client }) => client);
  }

  /** Checks that connected clients have everything, and that every other client gets everything when it connects. */
  async all(publisher: Publisher, distributor: Service): Promise<void> {
    await Promise.all(this.connected.map((subscriber) => subscriber.all(publisher)));
    await Promise.all(this.#absent.map((subscriber) => subscriber.connect(distributor)));
    await Promise.all(this.#absent.map((subscriber) => subscriber.all(publisher)));
  }

  async close(): Promise<void> {
    await Promise.all([...this.connected, ...this.#absent].map((subscriber) => subscriber.close()));
  }
}
