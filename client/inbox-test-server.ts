import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { InboxItem, Mark } from "./api.ts";

type Row = Omit<InboxItem<number>, "mark"> & { mark: Mark | null };

const LEVELS = [null, "seen", "read", "archived"] as const;

/** A distributor and a courier in one, for one client: streams, the inbox, and faults that a test asks for. */
export class InboxServer {
  readonly requests: string[] = [];
  readonly tokens: string[] = [];
  rows: Row[] = [];
  events = ["*"];
  /** Answers the next requests to the inbox, as long as it returns something. */
  fault: (path: string) => { status: number; type?: string } | undefined = () => undefined;
  /** Inserts published notifications at once, as without a lag. */
  inserts = true;
  #streams = new Set<ServerResponse>();
  #sequence = 0;
  #server = createServer((request, response) => void this.#answer(request, response));
  url = "";

  static async start(): Promise<InboxServer> {
    const server = new InboxServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    server.url = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}`;
    return server;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Ends all streams: the clients come back. */
  cut(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  get streams(): number {
    return this.#streams.size;
  }

  count(start: string): number {
    return this.requests.filter((line) => line.startsWith(start)).length;
  }

  push(frame: object): void {
    for (const stream of this.#streams) stream.write(`data: ${JSON.stringify(frame)}\n\n`);
  }

  publish(more: Partial<Row> = {}): Row {
    const row = this.insert(more, this.inserts);
    const { mark: _, ...notification } = row;
    this.push({ type: "notification", ...notification });
    return row;
  }

  insert(more: Partial<Row> = {}, really = true): Row {
    const n = (this.#sequence += 1);
    const row = {
      id: `id-${n}`,
      cursor: `c${String(n).padStart(4, "0")}`,
      publishedAt: "",
      data: n,
      mark: null,
      ...more,
    };
    if (row.collapse !== undefined) this.rows = this.rows.filter(({ collapse }) => collapse !== row.collapse);
    if (really) this.rows.unshift(row);
    return row;
  }

  retract(collapse: string): void {
    this.rows = this.rows.filter((row) => row.collapse !== collapse);
    const cursor = `c${String((this.#sequence += 1)).padStart(4, "0")}`;
    this.push({ type: "retract", id: "r", cursor, collapse });
  }

  /** As by another device: returns the frame. */
  mark(mark: Mark, marked: { ids?: string[]; upTo?: string }): object {
    for (const row of this.rows) {
      const named = marked.ids?.includes(row.id) || row.cursor <= (marked.upTo ?? "");
      if (named && LEVELS.indexOf(mark) > LEVELS.indexOf(row.mark)) row.mark = mark;
    }
    this.rows = this.rows.filter((row) => row.mark !== "archived");
    return { type: "inbox", mark, ...marked, ...this.counts };
  }

  get counts() {
    const unread = this.rows.filter(({ mark }) => mark !== "read").length;
    return { unread, unseen: this.rows.filter(({ mark }) => mark === null).length };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, "http://server");
    let body = "";
    for await (const chunk of request) body += String(chunk);
    this.requests.push(`${request.method} ${request.url} ${body}`);
    const json = (value: object, status = 200, headers = {}): void =>
      void response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
    if (pathname === "/v1/acks") return void response.writeHead(204).end();
    if (pathname === "/v1/sse") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      this.#streams.add(response);
      response.on("close", () => this.#streams.delete(response));
      const cursor = searchParams.get("cursor") ?? "";
      for (const frame of [{ type: "connected", cursor, heartbeat: 15 }, { type: "live" }])
        response.write(`data: ${JSON.stringify(frame)}\n\n`);
      return;
    }
    this.tokens.push(request.headers.authorization!);
    const fault = this.fault(pathname);
    if (fault)
      return json({ type: fault.type ?? "/problems/x" }, fault.status, { "content-type": "application/problem+json" });
    if (pathname === "/v1/inbox/marks") {
      const { mark, ...marked } = JSON.parse(body) as { mark: Mark };
      const frame = this.mark(mark, marked);
      this.push(frame);
      return json(this.counts);
    }
    const before = searchParams.get("before") ?? "d";
    const older = this.rows.filter(({ cursor }) => cursor < before);
    const items = older.slice(0, Number(searchParams.get("limit")));
    json({ items, ...this.counts, more: older.length > items.length, events: this.events });
  }
}
