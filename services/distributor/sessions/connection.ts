import type { Close } from "@saasaparilla/shared/protocol/close-codes.ts";
import type { ServerFrame } from "@saasaparilla/shared/protocol/client-frames.ts";
import type { InboxFrame } from "@saasaparilla/shared/protocol/inbox.ts";
import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { Transport } from "#metrics.ts";
import type { Outbox } from "./outbox.ts";
import type { Session } from "./session.ts";

/** A transport's interface for one connection. The rest of the distributor is independent of the transport. */
export interface Wire {
  readonly transport: Transport;
  readonly acknowledges: boolean;
  readonly outbox: Outbox;
  /**
   * ms, monotonic, for a long-poll loop between two polls. No request is open, and the client does not notice its end.
   */
  readonly idleSince?: number | undefined;
  tell(frame: ServerFrame): void;
  /** False: the peer reads too slowly, and the frame is dropped. */
  inbox(frame: InboxFrame): boolean;
  /** For transports whose idle streams need data from us. */
  heartbeat?(): void;
  /** All stored notifications are written. */
  caughtUp?(): void;
  end(close: Close): void;
}

/** One connection: its session, wire and owner. */
export interface Connection {
  readonly session: Session;
  readonly wire: Wire;
  readonly tag: string;
  /** The remote address at the opening. */
  readonly address: string;
  /** The origin of the page that opened it. */
  readonly origin: string | undefined;
  /** The time of opening in ms since 1970, for people to read. */
  readonly since: number;
  identity: Identity;
  timer: NodeJS.Timeout | undefined;
  /** The identity whose token the client was told to renew; it is told once (R14). */
  askedToRenew: Identity | undefined;
}

export interface Opening {
  key: ClientKey;
  identity: Identity;
  cursor: Sequence | undefined;
  /** The client asked for retract frames. */
  retracts: boolean;
  address: string;
  origin?: string | undefined;
  wire: Wire;
}
