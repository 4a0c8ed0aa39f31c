import { connect, type Connection, type Options, type Status, type TransportName } from "#client/client.ts";
import { inbox, type Inbox, type InboxState } from "#client/inbox.ts";

/** The code in the page and in workers: subscribers, and what they saw. */
export interface Seen {
  received: unknown[];
  statuses: Status[];
  state: string;
  transport: string;
  failures: string[];
}

export interface Start {
  name: string;
  url: string;
  client: string;
  transport: TransportName | "auto";
  /** The site's URL that mints a token for the client; its answer is the token. */
  tokens?: string;
  /** Replaces Math.random in the library. */
  random?: number;
  /** Shortens some of the library's waits, in ms. */
  waits?: Record<number, number>;
  /** The courier: the subscriber has an inbox. */
  courier?: string;
}

export interface Harness {
  start(start: Start): void;
  seen(name: string): Seen;
  reconnect(name: string): void;
  close(name: string): Promise<void>;
  listed(name: string): InboxState;
  /** Calls a method of the inbox, and resolves with its result. */
  inbox(name: string, method: "read" | "archive" | "readAll" | "seenAll" | "reload", ids?: string[]): Promise<unknown>;
}

const subscribers = new Map<string, Omit<Seen, "state" | "transport"> & { connection: Connection }>();

export const harness: Harness = {
  start({ name, url, client, transport, tokens = "/token", random, waits, courier }) {
    const [received, statuses, failures]: [unknown[], Status[], string[]] = [[], [], []];
    const options: Options<{ n: number }> = {
      url,
      transport,
      ...(courier !== undefined && { inbox: inbox<{ n: number }>({ url: courier }) }),
      ...(random !== undefined && { random: () => random }),
      ...(waits && {
        timers: {
          setTimeout: (callback, ms) => setTimeout(callback, waits[ms] ?? ms),
          clearTimeout: (timer) => clearTimeout(timer as number),
        },
      }),
      token: async () => (await fetch(`${tokens}?client=${client}`)).text(),
      onNotification: ({ data }) => received.push(data),
      onState: ({ error, ...status }) =>
        statuses.push(error === undefined ? status : { ...status, error: inspected(error) }),
    };
    subscribers.set(name, { connection: connect(options), received, statuses, failures });
  },
  seen(name) {
    const { connection, ...rest } = subscribers.get(name)!;
    return { ...rest, state: connection.state, transport: connection.transport };
  },
  reconnect: (name) => subscribers.get(name)!.connection.reconnect(),
  close: (name) => subscribers.get(name)!.connection.close(),
  listed: (name) => inboxOf(name).state,
  inbox: (name, method, ids = []) => inboxOf(name)[method](ids),
};

const inboxOf = (name: string): Inbox => subscribers.get(name)!.connection.inbox!;

/** A page keeps only the text of an error: it can pass nothing else to the test. */
const inspected = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : JSON.stringify(error);
