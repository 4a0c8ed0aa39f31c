import type { Admitted, BodyGuard } from "./body-guard.ts";
import type { Request } from "./request.ts";
import { isResponse, tooLarge, tooSlow, type HttpResponse } from "./response.ts";

/** Why a request was not read to its end. */
export type Cut = "slow" | "large" | "unclear" | "malformed";

export interface BodyParts {
  request: Request;
  /** A larger body is answered 413 before the rest of it is read. */
  maxBytes: number;
  /** A body that is not complete within this time is answered 408. */
  withinMs: number;
  guard: BodyGuard | undefined;
  /** Undefined without a guard, and while its decision is pending: then call `decided`. */
  admitted: Admitted | undefined;
  cut: (reason: Cut) => void;
  /** Answers a request whose body is not read to its end. */
  refuse: (response: HttpResponse) => void;
  /** Handles the complete body. Call `finish()` of the body when the request is answered. */
  whole: (body: Buffer) => void;
}

const EMPTY = Buffer.alloc(0);
/** A chunk costs about 400 bytes beside its content, so smaller ones are copied together. */
const SMALL_BYTES = 4 << 10;
const SLAB_BYTES = 64 << 10;

/**
 * The body of one request, chunk by chunk. It holds its place at the guard until `finish`, which may be called again.
 */
export class Body {
  readonly #parts: BodyParts;
  #pieces: Buffer[] = [];
  /** Holds copies of small chunks. Those from `#start` to `#end` are not yet a piece. */
  #slab = EMPTY;
  #start = 0;
  #end = 0;
  #length = 0;
  #admitted: Admitted | undefined;
  #granted = 0;
  #refused: HttpResponse | undefined;
  #over = false;
  #whole = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(parts: BodyParts) {
    this.#parts = parts;
    this.#admitted = parts.admitted;
  }

  /** The rest of the body is not needed. */
  get over(): boolean {
    return this.#over;
  }

  /** Starts the time limit for the rest of the body. */
  wait(): void {
    if (this.#over || this.#whole) return;
    const { withinMs, cut } = this.#parts;
    this.#deadline ??= setTimeout(() => {
      cut("slow");
      this.refuse(tooSlow(withinMs));
    }, withinMs);
  }

  /**
   * The guard's decision came late. Bytes that came before are granted now. Returns the decision for the handler. If it
   * is an answer, call `refuseIncomplete` too.
   */
  decided(admission: Admitted | HttpResponse): Admitted | HttpResponse {
    if (isResponse(admission)) return admission;
    this.#admitted = admission;
    if (!this.#over) return this.#grant(this.#length) ?? admission;
    this.#parts.guard!.release(this.#parts.request, admission, 0, this.#refused);
    return admission;
  }

  refuseIncomplete(response: HttpResponse): void {
    if (!this.#whole) this.refuse(response);
  }

  /** Keeps the chunk: it must not change afterwards. */
  add(chunk: Buffer): void {
    if (this.#over) return;
    const { maxBytes, cut } = this.#parts;
    if (this.#length + chunk.length > maxBytes) {
      cut("large");
      this.refuse(tooLarge(maxBytes));
      return;
    }
    const full = this.#grant(chunk.length);
    if (full) {
      this.refuse(full);
      return;
    }
    this.#length += chunk.length;
    if (this.#length === chunk.length || chunk.length >= SMALL_BYTES) {
      this.#seal();
      this.#pieces.push(chunk);
    } else this.#copy(chunk);
  }

  end(): void {
    if (this.#over) return;
    clearTimeout(this.#deadline);
    this.#whole = true;
    this.#seal();
    const pieces = this.#pieces;
    this.#drop();
    this.#parts.whole(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  }

  refuse(response: HttpResponse): void {
    if (this.#over) return;
    this.finish(response);
    this.#parts.refuse(response);
  }

  /** The peer went away. A handler that has the body already finishes it. */
  gone(): void {
    if (!this.#whole) this.finish();
  }

  finish(refused?: HttpResponse): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#deadline);
    this.#drop();
    this.#refused = refused;
    const { guard, request } = this.#parts;
    if (this.#admitted) guard?.release(request, this.#admitted, this.#granted, refused);
  }

  #grant(bytes: number): HttpResponse | undefined {
    if (!this.#admitted) return undefined;
    const full = this.#parts.guard?.grant(this.#admitted, bytes);
    if (!full) this.#granted += bytes;
    return full;
  }

  #copy(chunk: Buffer): void {
    if (this.#end + chunk.length > this.#slab.length) {
      this.#seal();
      // It grows with the body, so memory stays within twice the counted bytes.
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SMALL_BYTES, Math.min(this.#length, SLAB_BYTES)));
      this.#start = this.#end = 0;
    }
    chunk.copy(this.#slab, this.#end);
    this.#end += chunk.length;
  }

  #seal(): void {
    if (this.#end > this.#start) this.#pieces.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #drop(): void {
    this.#pieces = [];
    this.#slab = EMPTY;
    this.#start = this.#end = 0;
  }
}
