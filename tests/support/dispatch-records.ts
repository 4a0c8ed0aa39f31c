import { Kind, readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { readPublication, type PublicationHead } from "@saasaparilla/shared/protocol/publication.ts";
import { readAll } from "./kafka-records.ts";
import type { Stack } from "./stack.ts";

/** A publication as it is in the dispatch topic. */
export interface Dispatched {
  partition: number;
  head: PublicationHead;
  payload: string;
}

/** Reads all present records of the dispatch topic, each partition in its order. */
export async function readDispatch(stack: Pick<Stack, "namespace" | "env">): Promise<Dispatched[]> {
  const read: Dispatched[] = [];
  for (const { partition, value } of await readAll(stack, "dispatch"))
    readPack(value, (kind, body) => {
      if (kind !== Kind.PUBLICATION) throw new Error(`The topic has an item of kind ${kind}.`);
      const { head, payload } = readPublication(body);
      read.push({ partition, head, payload: payload.toString() });
    });
  return read;
}
