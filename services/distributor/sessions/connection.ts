import type { Close } from "@saasaparilla/shared/protocol/close-codes.ts";
import type { ServerFrame } from "@saasaparilla/shared/protocol/client-frames.ts";
import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { Transport } from "#metrics.ts";
import type { Outbox } from "./outbox.ts";
import type { Session } from "./session.ts";

/** What a transport gives for one connection; the rest of the distributor knows no transport. */
export interface Wire {
  readonly transport: Transport;
  readonly acknowledges: boolean;
  readonly outbox: Outbox;
  /** ms, monotonic. Of a long-poll loop between two polls: no request is open, and the client does not notice its end. */
  readonly idleSince?: number | undefined;
  tell(frame: ServerFrame): void;
  /** Of a transport whose idle streams need bytes from us. */
  heartbeat?(): void;
  /** Everything stored was written. */
  caughtUp?(): void;
  end(close: Close): void;
}

/** One connection: its session, its wire, and whose it is. */
export interface Connection {
  readonly session: Session;
  readonly wire: Wire;
  readonly tag: string;
  /** From where it was opened. */
  readonly address: string;
  /** Of the page that opened it. */
  readonly origin: string | undefined;
  /** When it was opened; ms since 1970, for people to read. */
  readonly since: number;
  identity: Identity;
  timer: NodeJS.Timeout | undefined;
  /** Whose token the client was told to renew; that is told once (R14). */
  askedToRenew: Identity | undefined;
}

export interface Opening {
  key: ClientKey;
  identity: Identity;
  cursor: Sequence | undefined;
  address: string;
  origin?: string | undefined;
  wire: Wire;
}
