import { numberIn } from "@saasaparilla/shared/http/query-number.ts";
import { Refusal, wrongPath } from "@saasaparilla/shared/http/refusal.ts";
import { NAME_FORM, queueKey, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { z } from "zod";
import type { Call } from "@saasaparilla/shared/http/routes.ts";
import { MOST_MESSAGES } from "./queues.ts";
import { RECEIPT_FORM } from "./receipts.ts";

const LIMIT = 100;
const MOST_WAIT_SECONDS = 30;
const MOST_CLAIM_SECONDS = 43_200;

const limit = z
  .int()
  .min(1)
  .max(MOST_MESSAGES)
  .default(LIMIT)
  .meta({ description: "The largest number of messages to claim." });
const seconds = z.exactOptional(z.int().min(1).max(MOST_CLAIM_SECONDS));
const receipts = z
  .array(z.string().regex(RECEIPT_FORM, "it is not a receipt: send the receipt of a message unchanged"))
  .min(1)
  .max(MOST_MESSAGES)
  .meta({ description: "Receipts of messages, unchanged." });

export const claimBody = z.strictObject({
  limit,
  seconds: seconds.meta({
    description:
      "Seconds after which the claim ends, and others can claim the message. The default is `claimSeconds` of the queue.",
  }),
});
export const receiptsBody = z.strictObject({ receipts });
export const extensionBody = z.strictObject({
  receipts,
  seconds: seconds.meta({
    description: "Seconds from now after which the claims end. The default is `claimSeconds` of the queue.",
  }),
});
export const idsBody = z.strictObject({
  ids: z.array(z.uuid()).min(1).max(MOST_MESSAGES).meta({ description: "Ids of changes that you read." }),
});

/** The queue that the path names, in the caller's tenant. */
export function queueIn({ caller, names: [name = ""] }: Call): ClientKey {
  if (!NAME_FORM.test(name)) throw new Refusal(wrongPath("queue"));
  return queueKey(caller.tenant, name);
}

export function limitIn({ query }: Call["request"]): number {
  return numberIn(query, "limit", { least: 1, most: MOST_MESSAGES, otherwise: LIMIT });
}

export function waitMsIn({ query }: Call["request"]): number {
  return numberIn(query, "wait", { least: 0, most: MOST_WAIT_SECONDS, otherwise: 0 }) * 1_000;
}
