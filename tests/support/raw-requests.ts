import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Service } from "./stack.ts";

export interface RawAnswer {
  status: number;
  reason: string;
  headers: Record<string, string>;
  body: string;
}

export interface Heard {
  answers: RawAnswer[];
  /** The server ended the connection. */
  closed: boolean;
}

export interface Ways {
  /** Waits for this number of answers only. Without it, until the server closes. */
  answers?: number;
  /** Sends FIN after the bytes. */
  half?: boolean;
  /** The requests to answer, in order. An answer to HEAD has no body. */
  methods?: readonly string[];
  deadlineMs?: number;
  /** Uses TLS with a server of this authority. */
  ca?: string;
}

const DEADLINE_MS = 30_000;

/** Sends bytes unchanged, each piece in a separate TCP segment, and reads the answers strictly. */
export async function sendRaw(
  { url }: Pick<Service, "url">,
  pieces: string | readonly string[],
  { answers = Infinity, half = false, methods = [], deadlineMs = DEADLINE_MS, ca }: Ways = {},
): Promise<Heard> {
  const { hostname, port } = new URL(url);
  const to = { port: Number(port), host: hostname, noDelay: true, allowHalfOpen: true };
  const socket = ca === undefined ? connect(to) : connectTls({ ...to, ca: readFileSync(ca) });
  let bytes = Buffer.alloc(0);
  let closed = false;
  let changed = (): void => {};
  socket
    .on("error", () => {})
    .on("data", (data) => {
      bytes = Buffer.concat([bytes, data]);
      changed();
    })
    .on("end", () => {
      closed = true;
      changed();
    })
    .on("close", () => {
      closed = true;
      changed();
    });
  await once(socket, ca === undefined ? "connect" : "secureConnect");
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    socket.destroy();
  }, deadlineMs);
  try {
    for (const piece of [pieces].flat()) {
      if (closed) break;
      // The kernel has this piece, so the next write goes into another segment.
      await new Promise<void>((sent) => socket.write(piece, "latin1", () => setImmediate(sent)));
    }
    if (half) socket.end();
    for (;;) {
      const read = readAnswers(bytes.toString("latin1"), methods, closed);
      if (late)
        throw new Error(
          `The connection neither ended nor got all answers within ${deadlineMs} ms: ${JSON.stringify(read)}.`,
        );
      if (closed || read.answers.length >= answers) {
        if (read.rest !== "" && closed) throw new Error(`This is no answer: ${JSON.stringify(read.rest)}`);
        return { answers: read.answers, closed };
      }
      await new Promise<void>((then) => (changed = then));
    }
  } finally {
    clearTimeout(deadline);
    socket.destroy();
  }
}

/** Every complete answer, including `100 Continue`, in order. */
function readAnswers(
  text: string,
  methods: readonly string[],
  closed: boolean,
): { answers: RawAnswer[]; rest: string } {
  const answers: RawAnswer[] = [];
  let finals = 0;
  let rest = text;
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return { answers, rest };
    const [line, ...lines] = rest.slice(0, end).split("\r\n") as [string, ...string[]];
    const [, digits, reason = ""] = /^HTTP\/1\.1 (\d{3}) ([\x20-\x7e]*)$/.exec(line) ?? [];
    const status = Number(digits);
    if (Number.isNaN(status)) throw new Error(`This is no status line: ${JSON.stringify(line)}`);
    const headers: Record<string, string> = {};
    for (const one of lines) {
      const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x20-\x7e]*)$/.exec(one) ?? [];
      if (name === undefined || value === undefined) throw new Error(`This is no header: ${JSON.stringify(one)}`);
      const known = name.toLowerCase();
      if (known in headers) throw new Error(`The header ${known} comes twice.`);
      headers[known] = value;
    }
    const none = status === 100 || status === 204 || methods[finals] === "HEAD";
    // The socket library's own answers end with the connection (RFC 9112, 6.3).
    const untilClose = !("content-length" in headers) && headers.connection === "close";
    if (untilClose && !none && !closed) return { answers, rest };
    const length = none ? 0 : untilClose ? rest.length - end - 4 : Number(headers["content-length"]);
    if (Number.isNaN(length)) throw new Error(`An answer has no length: ${JSON.stringify(line)}`);
    if (rest.length < end + 4 + length) return { answers, rest };
    answers.push({ status, reason, headers, body: rest.slice(end + 4, end + 4 + length) });
    if (status !== 100) finals += 1;
    rest = rest.slice(end + 4 + length);
  }
}
