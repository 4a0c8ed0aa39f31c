import type { Request } from "./http.ts";
import { tooLarge, tooSlow, type Reply } from "./reply.ts";

/** Keeps a bound over bodies that arrive and requests that are answered. A refusal is the answer; nothing more is read. */
export interface Guard {
  /** Before the body is read; a refusal that comes late ends the reading. Every admitted request is released once, with all the bytes that were granted. */
  admit(request: Request): Reply | undefined | Promise<Reply | undefined>;
  grant(request: Request, bytes: number): Reply | undefined;
  release(request: Request, bytes: number): void;
}

/** What of a response of the library is used here. */
interface Incoming {
  onData(heard: (chunk: ArrayBuffer, last: boolean) => void): unknown;
  onAborted(gone: () => void): unknown;
  cork(write: () => void): unknown;
}

/** Why a body was not read to its end. */
export type Cut = "slow" | "large" | "unclear";

export interface BodyParts {
  /** A larger one is answered 413 before the rest of it is read. */
  maxBytes: number;
  /** One that is not all there by then is given up. */
  withinMs: number;
  guard: Guard | undefined;
  /** The guard's answer that is still to come. */
  refused: Promise<Reply | undefined> | undefined;
  cut: (reason: Cut) => void;
  answer: (reply: Reply) => void;
  /** All of it is there. `finish` is to be called once, when it is answered or its sender has gone. */
  whole: (body: Buffer, finish: () => void) => void;
}

/** Begins with it in the turn of its request: what is not asked for there is lost. */
export function readBody(response: Incoming, request: Request, parts: BodyParts): void {
  const { maxBytes, withinMs, guard, refused, cut, answer } = parts;
  const chunks: Buffer[] = [];
  let length = 0;
  let over = false;
  /** From now on the handler answers. */
  let whole = false;
  let deadline: NodeJS.Timeout | undefined;
  const finish = (): void => {
    clearTimeout(deadline);
    if (!over) guard?.release(request, length);
    over = true;
  };
  const refuse = (reply: Reply): void => {
    finish();
    answer({ ...reply, close: true });
  };
  response.onAborted(finish);
  void refused?.then((late) => {
    if (late && !over && !whole) response.cork(() => refuse(late));
  });
  response.onData((chunk, last) => {
    if (over) return;
    if (length + chunk.byteLength > maxBytes) {
      cut("large");
      refuse(tooLarge(maxBytes));
      return;
    }
    const full = guard?.grant(request, chunk.byteLength);
    if (full) {
      refuse(full);
      return;
    }
    length += chunk.byteLength;
    chunks.push(Buffer.from(chunk.slice(0)));
    if (!last) {
      deadline ??= setTimeout(() => {
        cut("slow");
        response.cork(() => refuse(tooSlow(withinMs)));
      }, withinMs);
      return;
    }
    clearTimeout(deadline);
    whole = true;
    parts.whole(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), finish);
  });
}
