import { setTimeout as sleep } from "node:timers/promises";
import { MARKS } from "@saasaparilla/shared/protocol/inbox.ts";
import type { SeededRandom } from "#tests/support/seeded-random.ts";
import type { History, ListedNotification, Marked } from "./history.ts";
import { receivedName } from "./recipients.ts";
import type { Rig } from "./rig.ts";

interface Listed {
  items: { id: string; cursor: string; mark: "seen" | "read" | null; headers?: object; data: { id: string } }[];
  unread: number;
  unseen: number;
  more: boolean;
}

const PAUSE_MS: [number, number] = [200, 1_000];
const REQUEST_MS = 8_000;
const WHOLE = 500;
/** Several pages of a short list. */
const PAGE = 7;
/** Marks archive so rarely that lists stay long. */
const ARCHIVED = 0.1;
const LAST_MS = 60_000;

let requests = 0;

/** One device of a client: it lists and marks at any courier. It never judges. */
export class InboxDevice {
  readonly #rig: Rig;
  readonly #history: History;
  readonly #random: SeededRandom;
  readonly #key: string;
  readonly #token: string;
  readonly #ending = new AbortController();
  #shown: readonly ListedNotification[] = [];
  #run: Promise<void> | undefined;

  constructor(
    rig: Rig,
    { key, token, history, random }: { key: string; token: string; history: History; random: SeededRandom },
  ) {
    this.#rig = rig;
    this.#key = key;
    this.#token = token;
    this.#history = history;
    this.#random = random;
  }

  start(): void {
    this.#run = (async () => {
      for (; !this.#ending.signal.aborted; await sleep(this.#random.between(...PAUSE_MS))) await this.#turn();
    })();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#run;
  }

  /** The list as it is at the end. Returns the ids of items that are read. */
  async last(): Promise<string[]> {
    for (const deadline = performance.now() + LAST_MS; performance.now() < deadline; await sleep(200)) {
      if (!(await this.#list(WHOLE, true))) continue;
      return this.#shown.filter(({ mark }) => mark === "read").map(({ notification }) => notification);
    }
    throw new Error(`The inbox of ${this.#key} was not listed for ${LAST_MS} ms.`);
  }

  async #turn(): Promise<void> {
    if (this.#shown.length > 0 && this.#random.in(0.4)) await this.#mark();
    else await this.#list(this.#random.in(0.2) ? PAGE : WHOLE, false);
  }

  /** A request that is not answered leaves nothing to judge. */
  async #list(limit: number, last: boolean): Promise<boolean> {
    const asked = performance.now();
    const pages: Listed[] = [];
    for (let before = ""; ;) {
      const page = (await this.#ask("GET", `?limit=${limit}${before}`)) as Listed | undefined;
      if (!page) return false;
      pages.push(page);
      if (!page.more) break;
      before = `&before=${page.items.at(-1)!.cursor}`;
    }
    this.#shown = pages
      .flatMap(({ items }) => items)
      .map((item) => ({
        id: receivedName(item, this.#key),
        notification: item.id,
        cursor: item.cursor,
        mark: item.mark,
      }));
    const { unread, unseen } = pages[0]!;
    const paged = pages.length > 1;
    const counts = { unread, unseen, paged, last, asked, at: performance.now() };
    this.#history.add({ kind: "list", key: this.#key, items: this.#shown, ...counts });
    return true;
  }

  async #mark(): Promise<void> {
    const mark = this.#random.in(ARCHIVED) ? "archived" : this.#random.pick(MARKS.slice(0, 2));
    const item = this.#random.pick(this.#shown);
    // Archiving up to a cursor would empty most of the list.
    const some = mark === "archived" || this.#random.in(0.7);
    const which: Marked = some
      ? { ids: [item.notification, this.#random.pick(this.#shown).notification] }
      : { upTo: item.cursor };
    const request = (requests += 1);
    this.#history.add({ kind: "marking", key: this.#key, request, mark, which, at: performance.now() });
    const answer = await this.#ask("POST", "/marks", { mark, ...which });
    if (answer) this.#history.add({ kind: "marked", request, at: performance.now() });
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const { service } = this.#random.pick(this.#rig.of("courier"));
    try {
      const response = await fetch(`${service.url}/v1/inbox${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      const text = await response.text();
      return response.status === 200 ? JSON.parse(text) : undefined;
    } catch {
      return undefined;
    }
  }
}
