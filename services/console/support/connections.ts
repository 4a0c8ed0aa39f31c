import {
  connectionOf,
  type ConnectionId,
  type DisconnectMessage,
} from "@saasaparilla/shared/protocol/control-messages.ts";
import { FOLLOWED_FORMAT } from "@saasaparilla/shared/protocol/format.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { Outgoing } from "@saasaparilla/shared/kafka/client.ts";
import type { Presence } from "@saasaparilla/shared/redis/presence.ts";
import { Refusal, upgradeUnfinished } from "#api/responses.ts";

export interface ConnectionsParts {
  presence: Pick<Presence, "lookUp" | "describe">;
  /** Sends once: the operator repeats the request. */
  send: (records: Outgoing[]) => Promise<unknown>;
  /** The name of routed. */
  topic: string;
  format: () => number;
}

export interface ShownConnection {
  connection: string;
  /** The slot of its distributor, as in the distributors' logs. */
  slot: number;
  transport?: string;
  since?: number;
  address?: string;
}

/** The live connections of clients, as Redis names them. It is a hint: a connection of the last moments may be missing. */
export class Connections {
  readonly #parts: ConnectionsParts;

  constructor(parts: ConnectionsParts) {
    this.#parts = parts;
  }

  /** Undefined: Redis is away. The oldest first. */
  async of(key: ClientKey): Promise<ShownConnection[] | undefined> {
    const found = await this.#parts.presence.describe(key).catch(() => undefined);
    return found
      ?.map(({ slot, incarnation, session, ...facts }) => ({
        connection: connectionOf({ slot, incarnation, session }),
        slot,
        ...facts,
      }))
      .toSorted((one, other) => (one.since ?? 0) - (other.since ?? 0));
  }

  /** Tells the distributors to end all connections of a client. Returns their names. */
  async end(key: ClientKey): Promise<string[]> {
    const { presence, send, topic, format } = this.#parts;
    if (format() < FOLLOWED_FORMAT) throw new Refusal(upgradeUnfinished(FOLLOWED_FORMAT, format()));
    const [connections = []] = await presence.lookUp([key]);
    if (connections.length > 0) await send(connections.map((connection) => recordOf(topic, key, connection)));
    return connections.map(connectionOf);
  }
}

function recordOf(topic: string, key: ClientKey, connection: ConnectionId): Outgoing {
  const writer = new PackWriter();
  writer.signal({ type: "disconnect", key, ...connection } satisfies DisconnectMessage);
  return { topic, partition: connection.slot, value: writer.take() };
}
