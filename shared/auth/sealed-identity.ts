import { z } from "zod";
import type { Identity } from "./identity.ts";

const text = z.string().max(256);
const source = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("platform") }),
  z.object({ kind: z.literal("issuer"), name: z.string() }),
  z.object({ kind: z.literal("key"), id: z.string() }),
  z.object({ kind: z.literal("console"), platform: z.boolean() }),
]);

/** A caller as text, for a sealed session or relay ticket. */
export const identityText = z.object({
  tenant: text,
  subject: text,
  scopes: z.array(text).max(100),
  expires: z.number(),
  issued: z.number(),
  source,
  signer: z.string().optional(),
});

export function toText({ scopes, ...rest }: Identity): z.output<typeof identityText> {
  return { ...rest, scopes: [...scopes] };
}

export function fromText({ scopes, ...rest }: z.output<typeof identityText>): Identity {
  return { ...rest, scopes: new Set(scopes) };
}
