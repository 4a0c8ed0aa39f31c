import { Publisher } from "./publisher.ts";
import { startStack, type Service, type Stack } from "./stack.ts";

/** For tests of delivery: a publisher, and one of each service between it and a client. */
export interface Delivery {
  stack: Stack;
  receiver: Service;
  director: Service;
  distributor: Service;
  publisher: Publisher;
}

export async function startDelivery(env: Record<string, string> = { HEARTBEAT_MS: "1000" }): Promise<Delivery> {
  const stack = await startStack({
    services: ["receiver", "director", "distributor"],
    env: { DRAIN_MS: "0", ...env },
  });
  const [receiver, director, distributor] = stack.services as [Service, Service, Service];
  return { stack, receiver, director, distributor, publisher: await Publisher.of(stack) };
}
