import { addressOf } from "./client.ts";

/** What a pane of "Try it" hears: frames of the distributor, and what the relay says about itself. */
export interface Heard {
  event: string;
  data: unknown;
}

/** Reads a stream of the console until it is closed. The session's cookie goes with it. */
export function listen(
  path: string,
  query: Record<string, string>,
  on: { heard: (heard: Heard) => void; failed: () => void; opened: () => void },
): () => void {
  const source = new EventSource(addressOf(path, query));
  const heard = (event: Event): void => {
    const { type, data } = event as MessageEvent<string>;
    on.heard({ event: type, data: jsonOf(data) });
  };
  for (const name of EVENTS) source.addEventListener(name, heard);
  source.addEventListener("open", on.opened);
  source.addEventListener("error", on.failed);
  return () => source.close();
}

const EVENTS = [
  "message",
  "connected",
  "live",
  "notification",
  "closing",
  "problem",
  "ended",
  "inbox",
  "replay_pending",
];

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
