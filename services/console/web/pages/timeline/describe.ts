import type { Tone } from "#ui/status.tsx";

type Detail = Record<string, unknown>;

interface Described {
  tone: Tone;
  /** What happened, as a sentence. */
  text: (detail: Detail) => string;
}

const text = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : JSON.stringify(value ?? null);
const over = ({ transport, connection }: Detail): string =>
  `${transport === undefined ? "" : ` over ${NAMES[text(transport)] ?? text(transport)}`}${connection === undefined ? "" : `, connection ${text(connection)}`}`;
const NAMES: Record<string, string> = { websocket: "WebSocket", sse: "SSE", poll: "long poll" };

const STORED: Record<string, string> = {
  "not connected": "the client was not connected",
  "no answer": "the distributor did not answer",
  lost: "the connection closed or refused it",
  slow: "the client read too slowly",
  unacknowledged: "the client did not acknowledge it in time",
  share: "the tenant's share of waiting notifications was full",
  overflow: "too many notifications waited for this client",
  replaying: "older stored notifications of this client go first",
  paced: "the client takes them at its own pace",
  collapse: "it has a collapse key, and may still be replaced",
  deferred: "it waited in Kafka before",
  queue: "it is a message of a queue",
};

/** Each kind of event in the words of a support person. */
const KINDS: Record<string, Described> = {
  accepted: {
    tone: "wait",
    text: ({ publisher, target, due }) =>
      `Accepted${publisher === undefined ? "" : ` from ${text(publisher)}`}${target === undefined ? "" : ` for ${text(target)}`}${due === undefined ? "" : `, to be sent at ${timeOf(due)}`}.`,
  },
  repeated: { tone: "plain", text: () => "The same publish came again. The first one counts." },
  refused: {
    tone: "bad",
    text: ({ problem, status, why }) =>
      `Refused: ${text(problem)}${status === undefined ? "" : ` (${text(status)})`}${why === undefined ? "" : `, ${text(why)}`}.`,
  },
  scheduled: { tone: "wait", text: ({ due }) => `Waits until ${timeOf(due)}.` },
  "fanned-out": {
    tone: "wait",
    text: ({ written, refused, publication, target }) =>
      publication === undefined
        ? `Expanded for ${text(target)}: ${text(written)} recipients, ${text(refused)} refused.`
        : `Came from the publication ${text(publication)} to ${text(target)}.`,
  },
  skipped: { tone: "warn", text: ({ why }) => `It went to no recipient: ${text(why)}.` },
  cancelled: { tone: "plain", text: ({ by }) => `Cancelled by ${text(by)}.` },
  held: { tone: "wait", text: ({ why }) => `Waits in memory: ${text(why)}.` },
  sent: { tone: "wait", text: (detail) => `Sent towards the client${over(detail)}.` },
  retried: {
    tone: "warn",
    text: ({ why, connection }) => `Not delivered by ${text(connection)}: ${text(why)}. It is tried again.`,
  },
  deferred: { tone: "wait", text: ({ why }) => `Waits in Kafka until it can be stored: ${text(why)}.` },
  stored: { tone: "wait", text: ({ why }) => `Stored, because ${STORED[text(why)] ?? text(why)}.` },
  replaced: { tone: "plain", text: () => "Replaced by a later notification with the same collapse key." },
  retracted: { tone: "plain", text: () => "Taken back by its publisher." },
  expired: {
    tone: "bad",
    text: ({ where }) => `Its time to live ended (${text(where)}). It is not delivered any more.`,
  },
  undeliverable: { tone: "bad", text: ({ why }) => `The store refuses its data: ${text(why)}.` },
  "dead-lettered": {
    tone: "bad",
    text: ({ why }) => `Became a dead letter: ${text(why)}. An operator can redrive it.`,
  },
  redriven: { tone: "wait", text: () => "An operator sent the dead letter again." },
  delivered: { tone: "wait", text: (detail) => `Written to the client's connection${over(detail)}.` },
  replayed: { tone: "wait", text: (detail) => `Replayed from the store to the client${over(detail)}.` },
  dropped: { tone: "warn", text: (detail) => `The connection ended before it took it${over(detail)}.` },
  acknowledged: {
    tone: "good",
    text: (detail) =>
      detail.how === "connection"
        ? `The client has it${over(detail)}.`
        : "The client has it: it said so by a request, or by the cursor of a later connection.",
  },
  claimed: { tone: "wait", text: ({ attempt }) => `A worker claimed it, attempt ${text(attempt)}.` },
  confirmed: { tone: "good", text: () => "A worker confirmed it." },
  quarantined: { tone: "bad", text: ({ why }) => `Moved to the quarantine: ${text(why)}.` },
  listed: { tone: "plain", text: () => "It is in the client's inbox." },
  seen: { tone: "good", text: () => "Marked as seen in the inbox." },
  read: { tone: "good", text: () => "Marked as read in the inbox." },
  archived: { tone: "plain", text: () => "Archived in the inbox." },
};

export const EVENT_KINDS = Object.keys(KINDS);

export function describe(kind: string, detail: Detail): { tone: Tone; text: string } {
  const found = KINDS[kind];
  return found ? { tone: found.tone, text: found.text(detail) } : { tone: "plain", text: JSON.stringify(detail) };
}

export const toneOf = (kind: string): Tone => KINDS[kind]?.tone ?? "plain";

function timeOf(due: unknown): string {
  const date = new Date(typeof due === "number" ? due : text(due));
  return Number.isNaN(date.getTime()) ? text(due) : date.toLocaleString("en-GB", { timeZoneName: "short" });
}
