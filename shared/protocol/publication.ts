import { hash } from "node:crypto";
import { Failure, messageOf } from "#runtime/errors.ts";
import type { FollowReason } from "#timeline/events.ts";
import { TENANT_FORM, type ClientKey } from "./notification.ts";

/**
 * A record of dispatch has publications: notifications that the dispatcher expands or holds back. The body of kind
 * PUBLICATION is the length of the head u32, the head as JSON, and the payload (the rest: UTF-8 JSON).
 */
export const PUBLICATION_HEADER = 4;

export type Target =
  | { client: string }
  | { clients: readonly string[] }
  | { group: string }
  | { queue: string }
  | { exchange: string; key?: string };

export interface PublicationHead {
  /** A UUID. The ids of its notifications derive from it. */
  id: string;
  tenant: string;
  /** The subject that published it, for the audit log and for DELETE. */
  publisher: string;
  to: Target;
  /** Its recipients were charged to the tenant's rate when it was published. */
  charged?: true;
  /** When it is due: ms since 1970, or seconds after it was accepted. Without both it is due at once. */
  at?: number;
  delay?: number;
  /** Seconds after it is due. */
  ttl?: number;
  event?: string;
  traceparent?: string;
  /** An object of scalars. */
  headers?: Readonly<Record<string, string | number | boolean | null>>;
  collapse?: string;
  retract?: boolean;
  outcomes?: string;
  /** What becomes of its notifications is recorded. Only if the platform's format is at least FOLLOWED_FORMAT. */
  followed?: FollowReason;
}

export interface Publication {
  head: PublicationHead;
  /** JSON text as UTF-8. */
  payload: Buffer;
}

/** The item must come from `readPack`. A malformed one is a `reject`. */
export function readPublication(body: Buffer): Publication {
  const end = body.length < PUBLICATION_HEADER ? Infinity : PUBLICATION_HEADER + body.readUInt32BE(0);
  if (end >= body.length) throw new Failure("reject", "The item is not a publication: it is cut off.");
  try {
    const head = JSON.parse(body.toString("utf8", PUBLICATION_HEADER, end)) as PublicationHead;
    return { head, payload: body.subarray(end) };
  } catch (cause) {
    throw new Failure("reject", `The head of the publication cannot be read: ${messageOf(cause)}.`, { cause });
  }
}

/** Checks what the dispatcher relies on. A later version may know other targets: that is a `reject`. */
export function checkPublication({ head }: Publication): void {
  if (!hasTarget(head)) throw new Failure("reject", "The publication has no target that this version knows.");
}

function hasTarget({ tenant, to }: Partial<PublicationHead>): boolean {
  if (typeof tenant !== "string" || !TENANT_FORM.test(tenant) || typeof to !== "object") return false;
  const names: Partial<Record<string, unknown>> = to;
  return Array.isArray(names["clients"]) || TARGETS.some((kind) => typeof names[kind] === "string");
}

const TARGETS = ["client", "group", "queue", "exchange"];

/** Publications with the same key keep their order. The key decides the partition of dispatch. */
export function publicationKey(tenant: string, to: Target): string {
  return `${tenant}/${targetOf(to)}`;
}

/** A target's name in the timeline. */
export function targetOf(to: Target): string {
  if ("group" in to) return `group:${to.group}`;
  if ("exchange" in to) return `exchange:${to.exchange}`;
  if ("queue" in to) return `queue:${to.queue}`;
  if ("client" in to) return `client:${to.client}`;
  return "clients";
}

/** The id of one recipient's notification: the same after each repeat of a page, and another for each recipient. */
export function recipientId(publication: string, recipient: ClientKey): string {
  return derivedUuid(publication.toLowerCase(), recipient);
}

/** A UUID of version 8 (RFC 9562), from SHA-256 of two texts. The first one must not contain U+0000. */
export function derivedUuid(first: string, second: string): string {
  const hex = hash("sha256", `${first}\0${second}`);
  const variant = VARIANTS[Number.parseInt(hex[16]!, 16) & 3]!;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const VARIANTS = ["8", "9", "a", "b"];
