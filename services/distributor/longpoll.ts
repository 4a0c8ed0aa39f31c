import type { Close } from "@saasaparilla/shared/closes.ts";
import type { ServerFrame } from "@saasaparilla/shared/frames.ts";
import type { Request } from "@saasaparilla/shared/http.ts";
import { json, problemReply, type Reply } from "@saasaparilla/shared/reply.ts";
import { toCursor, type ClientKey, type Cursor, type Sequence } from "@saasaparilla/shared/notification.ts";
import { problem } from "@saasaparilla/shared/problem.ts";
import type { Doorkeeper } from "./doorkeeper.ts";
import { Outbox, type Item } from "./outbox.ts";
import type { Opening, Peer, Wire } from "./peer.ts";
import type { Peers } from "./peers.ts";
import type { DistributorSettings } from "./settings.ts";

/** Seconds in decimal: Number alone takes "0x10" and "1e1", too. */
const WAIT_FORM = /^\d+(\.\d+)?$/;

/**
 * One long-poll loop. It is a connection that outlives its requests: between two polls its outbox is shut. The next poll
 * belongs to it when it brings the cursor that the last answer gave, and is the acknowledgement of that answer.
 */
class PollWire implements Wire {
  readonly transport = "poll";
  readonly acknowledges = true;
  readonly outbox: Outbox;
  peer: Peer | undefined;
  /** The cursor of the last answer. */
  given: Sequence;
  #answer: ((items: Item[], closing?: Close) => void) | undefined;

  constructor(given: Sequence, outboxBytes: number) {
    this.given = given;
    this.outbox = new Outbox((items) => this.#give(items), outboxBytes);
    this.outbox.shut();
  }

  get waiting(): boolean {
    return this.#answer !== undefined;
  }

  tell(frame: ServerFrame): void {
    if (frame.type === "connected" && this.peer) this.given = this.peer.session.sent;
  }

  end(close: Close): void {
    this.#answer?.([], close);
  }

  /** Resolves with what there is, or with nothing after `waitMs`. */
  wait(waitMs: number): Promise<{ items: Item[]; closing?: Close }> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answer?.([]), waitMs);
      this.#answer = (items, closing) => {
        clearTimeout(timer);
        this.#answer = undefined;
        this.outbox.shut();
        const last = items.at(-1);
        if (last) this.given = last.sequence;
        resolve(closing ? { items, closing } : { items });
      };
    });
  }

  abandon(): void {
    this.#answer?.([]);
  }

  #give(items: Item[]): boolean {
    this.#answer?.(items);
    return false;
  }
}

export class LongPolls {
  readonly #peers: Peers;
  readonly #door: Doorkeeper;
  readonly #settings: DistributorSettings;
  readonly #grace = new Map<Peer, NodeJS.Timeout>();

  constructor(peers: Peers, door: Doorkeeper, settings: DistributorSettings) {
    this.#peers = peers;
    this.#door = door;
    this.#settings = settings;
  }

  /** GET /v1/poll?cursor=&wait= */
  async poll(request: Request): Promise<Reply> {
    let gone = false;
    request.onGone = () => (gone = true);
    const entry = await this.#door.admit(request);
    if ("status" in entry) return entry;
    // Nobody is there to be answered, or to be given anything.
    if (gone) return NOBODY;
    const wait = this.#waitOf(request);
    if (wait === undefined) {
      return problemReply(
        problem(
          400,
          "invalid-request",
          "Invalid request",
          `wait is the number of seconds to wait, 0 to ${this.#settings.POLL_MAX_WAIT_SECONDS}.`,
        ),
      );
    }
    lighten(request);
    const { key, identity, cursor, address } = entry;
    const known = this.#idleLoop(key, cursor);
    // R37: a loop that goes on is no new connection.
    const refused = known ? undefined : this.#door.enter(entry);
    if (refused) return { ...refused, close: true };
    const peer = known ?? this.#newLoop({ key, identity, cursor, address });
    // Each request brings its own token: the loop lives as long as the newest.
    peer.identity = identity;
    const wire = peer.wire as PollWire;
    // What comes then waits for the next request, instead of going into an answer that nobody reads.
    request.onGone = () => wire.abandon();
    clearTimeout(this.#grace.get(peer));
    this.#grace.delete(peer);
    if (cursor !== undefined) this.#peers.step(peer, { type: "ack", sequence: cursor });
    const answer = wire.wait(wait * 1_000);
    this.#peers.drained(peer);
    const { items, closing } = await answer;
    this.#awaitNext(peer);
    return reply(items, toCursor(wire.given, peer.tag), closing);
  }

  #waitOf(request: Request): number | undefined {
    const text = request.query.get("wait") ?? "25";
    const seconds = Number(text);
    return WAIT_FORM.test(text) && seconds <= this.#settings.POLL_MAX_WAIT_SECONDS ? seconds : undefined;
  }

  #idleLoop(key: ClientKey, cursor: Sequence | undefined): Peer | undefined {
    for (const peer of this.#peers.ofClient(key)) {
      if (peer.wire instanceof PollWire && !peer.wire.waiting && peer.wire.given === cursor) return peer;
    }
    return undefined;
  }

  #newLoop(opening: Omit<Opening, "wire">): Peer {
    const wire = new PollWire(opening.cursor ?? "", this.#settings.OUTBOX_BYTES);
    const peer = this.#peers.open({ ...opening, wire });
    wire.peer = peer;
    wire.given = peer.session.sent;
    return peer;
  }

  #awaitNext(peer: Peer): void {
    if (peer.session.state === "CLOSED") return;
    clearTimeout(this.#grace.get(peer));
    this.#grace.set(
      peer,
      setTimeout(() => {
        this.#grace.delete(peer);
        this.#peers.closed(peer);
      }, this.#settings.POLL_GRACE_MS),
    );
  }
}

/** Lets go of what came with a request that is answered much later: a token alone is half a kilobyte. Who reads the answer stays. */
function lighten(request: Request): void {
  const { origin } = request.headers;
  request.headers = origin === undefined ? NO_HEADERS : { origin };
  request.query = NO_QUERY;
}

const NO_HEADERS: Request["headers"] = {};
const NO_QUERY = new URLSearchParams();

/** For a request that was given up: it is not sent. */
const NOBODY: Reply = { status: 503, headers: {}, body: "" };

function reply(items: Item[], cursor: Cursor, closing: Close | undefined): Reply {
  const head = Buffer.from('{"notifications":[');
  const parts: Buffer[] = [head];
  items.forEach((item, index) => {
    if (index > 0) parts.push(Buffer.from(","));
    parts.push(item.json);
  });
  const end = { cursor, ...(closing ? { closing } : {}) };
  parts.push(Buffer.from(`],${JSON.stringify(end).slice(1)}`));
  return { ...json(200, null, { "cache-control": "no-store" }), body: Buffer.concat(parts) };
}
