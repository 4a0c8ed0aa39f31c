import { tooMany, type HttpResponse, type StreamOut } from "@saasaparilla/shared/http/response.ts";
import { meters, type Registry } from "@saasaparilla/shared/runtime/metrics.ts";

const MOST = 100;
const MOST_OF_ONE = 6;
/** A pane that somebody forgot ends after this time. */
const LONGEST_MS = 3_600_000;
/** Shorter than the silence after which a proxy or the server ends a connection. */
const HEARTBEAT_MS = 15_000;

/** Server-sent events to a page. */
export interface Pane {
  send(event: string, data: unknown): void;
  end(): void;
}

/** Bounds the open streams of pages, of one caller and of all. */
export class Streams {
  readonly #open = new Map<string, number>();
  readonly #refused: (labels: { bound: string }) => void;
  #all = 0;

  constructor(registry: Registry) {
    const { counter, gauge } = meters(registry);
    const refused = counter("try_streams_refused_total", "Streams of tests refused, by bound: caller or all.", "bound");
    this.#refused = (labels) => refused.inc(labels);
    gauge("try_streams", "Open streams of tests.", () => this.#all);
  }

  /** `run` gets the pane and a signal of its end. */
  open(caller: string, run: (pane: Pane, ended: AbortSignal) => Promise<void>): HttpResponse {
    const own = this.#open.get(caller) ?? 0;
    if (own >= MOST_OF_ONE || this.#all >= MOST) {
      this.#refused({ bound: own >= MOST_OF_ONE ? "caller" : "all" });
      return tooMany(`At most ${MOST_OF_ONE} test streams of one person and ${MOST} of all are open. Close a pane.`, 5);
    }
    this.#count(caller, 1);
    return {
      status: 200,
      headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
      stream: (out) => this.#start(out, caller, run),
    };
  }

  #start(out: StreamOut, caller: string, run: (pane: Pane, ended: AbortSignal) => Promise<void>): () => void {
    const over = new AbortController();
    const beat = setInterval(() => out.write(": heartbeat\n\n"), HEARTBEAT_MS);
    const last = setTimeout(() => out.end(), LONGEST_MS);
    const pane: Pane = {
      send: (event, data) => out.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
      end: () => out.end(),
    };
    run(pane, over.signal)
      .catch((error: unknown) => {
        if (!over.signal.aborted)
          pane.send("ended", { reason: error instanceof Error ? error.message : String(error) });
      })
      .finally(() => out.end());
    return () => {
      if (over.signal.aborted) return;
      over.abort();
      clearInterval(beat);
      clearTimeout(last);
      this.#count(caller, -1);
    };
  }

  #count(caller: string, by: 1 | -1): void {
    this.#all += by;
    const own = (this.#open.get(caller) ?? 0) + by;
    if (own === 0) this.#open.delete(caller);
    else this.#open.set(caller, own);
  }
}
