import { notificationBody, readPack } from "@saasaparilla/shared/protocol/pack.ts";
import type { NotificationOptions } from "@saasaparilla/shared/protocol/options.ts";
import { readAll } from "./kafka-records.ts";
import type { Stack } from "./stack.ts";

/** A notification as it is in the accepted topic. */
export interface Accepted {
  partition: number;
  offset: number;
  /** In the pack. */
  index: number;
  id: string;
  key: string;
  ttl: number;
  event: string;
  traceparent: string;
  followed: boolean;
  options: NotificationOptions | undefined;
  payload: string;
}

/** All records of the accepted topic at the time of the call, each partition in its order. */
export async function readAccepted(stack: Pick<Stack, "namespace" | "env">): Promise<Accepted[]> {
  const read: Accepted[] = [];
  for (const { partition, offset, value } of await readAll(stack, "accepted"))
    readPack(value, (_kind, body, index) => read.push(toAccepted(body, partition, offset, index)));
  return read;
}

function toAccepted(body: Buffer, partition: number, offset: number, index: number): Accepted {
  return {
    partition,
    offset,
    index,
    id: notificationBody.id(body),
    key: notificationBody.key(body),
    ttl: notificationBody.ttl(body),
    event: notificationBody.event(body),
    traceparent: notificationBody.traceparent(body),
    followed: notificationBody.followed(body),
    options: notificationBody.options(body),
    payload: notificationBody.payload(body).toString(),
  };
}
