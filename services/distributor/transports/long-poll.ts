import type { Close } from "@saasaparilla/shared/protocol/close-codes.ts";
import type { ServerFrame } from "@saasaparilla/shared/protocol/client-frames.ts";
import { boundedFrames, type InboxFrame } from "@saasaparilla/shared/protocol/inbox.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import { problemResponse, tooMany, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { START, toCursor, type Cursor, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { jittered, problemOf } from "@saasaparilla/shared/http/problem.ts";
import type { Handshake, Entry } from "#admission/handshake.ts";
import type { IdleLoops } from "./idle-loops.ts";
import type { DistributorMetrics } from "#metrics.ts";
import { Outbox, type Item } from "#sessions/outbox.ts";
import type { Opening, Connection, Wire } from "#sessions/connection.ts";
import type { Hub } from "#sessions/hub.ts";
import type { DistributorSettings } from "#settings.ts";

/** Seconds in decimal: Number would also accept "0x10" and "1e1". */
const WAIT_FORM = /^\d+(\.\d+)?$/;

/**
 * ms from the start of a poll in which the server reads stored notifications, even if `wait` is shorter. LATE_READ_MS
 * applies after a longer `wait`.
 */
const READ_MS = 8_000;
const LATE_READ_MS = 1_000;
/** Seconds: the loop continues to read, so the next poll should come soon. */
const RETRY_SECONDS = 1;

interface Ending {
  items: Item[];
  closing?: Close;
  /** The time is over, and it is unknown whether more is stored. */
  unread?: boolean;
}

interface Answer extends Ending {
  inbox: readonly InboxFrame[];
}

/**
 * One long-poll loop. It is a connection that outlives its requests: between two polls its outbox is shut. A poll
 * belongs to the loop if it brings the cursor of the last answer. It acknowledges that answer.
 */
class PollWire implements Wire {
  readonly transport = "poll";
  readonly acknowledges = true;
  readonly outbox: Outbox;
  connection: Connection | undefined;
  /** The cursor of the last answer. */
  given: Sequence;
  /** They wait for the next answer. */
  #inbox: readonly InboxFrame[] = [];
  #answer: ((answer: Ending) => void) | undefined;
  #answeredAt = performance.now();
  /** `wait` is over. An empty answer is due when it is certain that nothing is stored. */
  #due = false;

  constructor(given: Sequence, outboxBytes: number) {
    this.given = given;
    this.outbox = new Outbox((items) => this.#give(items), outboxBytes);
    this.outbox.shut();
  }

  /** ms, monotonic: the time of its last answer; undefined while a poll waits for one. */
  get idleSince(): number | undefined {
    return this.#answer === undefined ? this.#answeredAt : undefined;
  }

  tell(frame: ServerFrame): void {
    if (frame.type === "connected" && this.connection) this.given = this.connection.session.sent;
  }

  end(closing: Close): void {
    this.#answer?.({ items: [], closing });
  }

  inbox(frame: InboxFrame): boolean {
    this.#inbox = boundedFrames([...this.#inbox, frame]);
    if (this.connection?.session.caughtUp) this.caughtUp();
    return true;
  }

  /** An answer without notifications says that none is stored. So frames wait until that is certain. */
  caughtUp(): void {
    if (!this.#due && this.#inbox.length === 0) return;
    // The flush answers with the written items, if there are any.
    this.outbox.flush();
    this.#answer?.({ items: [] });
  }

  /**
   * Resolves with the available items. After `waitMs` it resolves with none, when it is certain that nothing is stored.
   */
  wait(waitMs: number): Promise<Answer> {
    return new Promise((resolve) => {
      let timer = setTimeout(() => {
        this.#due = true;
        timer = setTimeout(() => this.#answer?.({ items: [], unread: true }), Math.max(READ_MS - waitMs, LATE_READ_MS));
        if (this.connection!.session.caughtUp) this.caughtUp();
      }, waitMs);
      this.#answer = (answer) => {
        clearTimeout(timer);
        this.#answer = undefined;
        this.#answeredAt = performance.now();
        this.#due = false;
        this.outbox.shut();
        const last = answer.items.at(-1);
        if (last) this.given = last.sequence;
        const inbox = answer.unread ? [] : this.#inbox;
        if (!answer.unread) this.#inbox = [];
        resolve({ ...answer, inbox });
      };
    });
  }

  /** The client no longer reads an answer. */
  abandon(): void {
    this.#answer?.({ items: [] });
  }

  #give(items: Item[]): boolean {
    this.#answer?.({ items });
    return false;
  }
}

export interface LongPollsParts {
  hub: Hub;
  door: Handshake;
  idle: IdleLoops;
  metrics: Pick<DistributorMetrics, "turnedAway" | "unread">;
  settings: Pick<DistributorSettings, "POLL_MAX_WAIT_SECONDS" | "OUTBOX_BYTES">;
}

export class LongPolls {
  readonly #parts: LongPollsParts;

  constructor(parts: LongPollsParts) {
    this.#parts = parts;
  }

  /** GET /v1/poll?cursor=&wait= */
  async poll(request: Request): Promise<HttpResponse> {
    const { door, idle, metrics, hub } = this.#parts;
    let gone = false;
    request.onGone = () => (gone = true);
    const entry = await door.admit(request);
    if ("status" in entry) return entry;
    // The client is gone, so it gets no answer and no connection.
    if (gone) return NOBODY;
    const wait = this.#waitOf(request);
    if (wait === undefined) return this.#wrongWait();
    lighten(request);
    const { key, identity, cursor, retracts, address } = entry;
    const known = this.#idleLoop(entry);
    // R37: a continued loop is no new connection.
    const refused = known ? undefined : this.#refuse(entry);
    if (refused) return { ...refused, close: true };
    const connection = known ?? this.#newLoop({ key, identity, cursor, retracts, address });
    // Each request brings its own token. The loop lives as long as the newest.
    connection.identity = identity;
    const wire = connection.wire as PollWire;
    // Later items wait for the next request, instead of an answer that the client no longer reads.
    request.onGone = () => wire.abandon();
    idle.remove(connection);
    if (cursor !== undefined) hub.step(connection, { type: "ack", sequence: cursor });
    const answer = wire.wait(wait * 1_000);
    hub.drained(connection);
    if (connection.session.caughtUp) wire.caughtUp();
    const { items, inbox, closing, unread } = await answer;
    if (connection.session.state !== "CLOSED" && wire.idleSince !== undefined) idle.add(connection);
    if (!unread) return reply(items, { cursor: toCursor(wire.given, connection.tag), inbox, closing });
    metrics.unread();
    return replayPending();
  }

  /**
   * HEAD of the same: whether a poll would be answered, and with which headers. It does not wait, and neither begins
   * nor continues a loop.
   */
  async head(request: Request): Promise<HttpResponse> {
    const { door } = this.#parts;
    const entry = await door.admit(request);
    if ("status" in entry) return entry;
    if (this.#waitOf(request) === undefined) return this.#wrongWait();
    return door.closed(request.headers) ?? { status: 200, headers: POLL_HEADERS };
  }

  /** A poll may be a single request without a loop, so it ends no connection in use. */
  #refuse(entry: Entry): HttpResponse | undefined {
    const { door, metrics, hub } = this.#parts;
    if (hub.fits(entry)) return door.enter(entry);
    metrics.turnedAway("client");
    return tooMany("This client has reached its limit of connections.", jittered(5, 30));
  }

  #waitOf(request: Request): number | undefined {
    const text = request.query.get("wait") ?? "25";
    const seconds = Number(text);
    return WAIT_FORM.test(text) && seconds <= this.#parts.settings.POLL_MAX_WAIT_SECONDS ? seconds : undefined;
  }

  #wrongWait(): HttpResponse {
    const detail = `wait must be a number of seconds from 0 to ${this.#parts.settings.POLL_MAX_WAIT_SECONDS}.`;
    return problemResponse(problemOf("invalid-request", detail));
  }

  /** Without a cursor it finds a loop that has sent nothing yet. */
  #idleLoop({ key, cursor = START, retracts }: Entry): Connection | undefined {
    for (const connection of this.#parts.hub.ofClient(key)) {
      if (
        connection.wire instanceof PollWire &&
        connection.wire.idleSince !== undefined &&
        connection.wire.given === cursor &&
        connection.session.retracts === retracts
      )
        return connection;
    }
    return undefined;
  }

  #newLoop(opening: Omit<Opening, "wire">): Connection {
    const wire = new PollWire(opening.cursor ?? "", this.#parts.settings.OUTBOX_BYTES);
    const connection = this.#parts.hub.open({ ...opening, wire });
    wire.connection = connection;
    wire.given = connection.session.sent;
    return connection;
  }
}

/**
 * Frees the headers of a request whose answer comes much later: a token alone has half a kilobyte. The origin stays.
 */
function lighten(request: Request): void {
  const { origin } = request.headers;
  request.headers = origin === undefined ? NO_HEADERS : { origin };
  request.query = NO_QUERY;
}

const NO_HEADERS: Request["headers"] = {};
const NO_QUERY = new URLSearchParams();

const POLL_HEADERS: Record<string, string> = { "content-type": "application/json", "cache-control": "no-store" };

/** For an abandoned request. It is not sent. */
const NOBODY: HttpResponse = { status: 503, headers: {}, body: "" };

interface Reply {
  cursor: Cursor;
  inbox: readonly InboxFrame[];
  closing: Close | undefined;
}

function reply(items: Item[], { cursor, inbox, closing }: Reply): HttpResponse {
  const head = Buffer.from('{"notifications":[');
  const parts: Buffer[] = [head];
  items.forEach((item, index) => {
    if (index > 0) parts.push(Buffer.from(","));
    parts.push(item.json);
  });
  const end = { cursor, ...(inbox.length > 0 ? { inbox } : {}), ...(closing ? { closing } : {}) };
  parts.push(Buffer.from(`],${JSON.stringify(end).slice(1)}`));
  return { status: 200, headers: POLL_HEADERS, body: Buffer.concat(parts) };
}

/** Like `replay_pending` on a stream (R13): the loop continues to read, and gives the result to the next poll. */
function replayPending(): HttpResponse {
  const detail =
    "The client's stored notifications cannot be read at the moment. Repeat the poll with the same cursor after Retry-After.";
  return problemResponse(problemOf("replay-pending", detail, { retryAfter: RETRY_SECONDS }));
}
