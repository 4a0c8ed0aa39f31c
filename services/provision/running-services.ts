import {
  courierGroup,
  directorGroup,
  dispatcherGroup,
  recorderGroup,
  slotGroup,
  topicsOf,
} from "@saasaparilla/shared/kafka/topic-names.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { FORMAT, readConnectionName } from "@saasaparilla/shared/protocol/format.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { Presence } from "@saasaparilla/shared/redis/presence.ts";
import type { Redis } from "@saasaparilla/shared/redis/client.ts";
import { ROLE_NAMES } from "@saasaparilla/shared/store-grants/grants.ts";
import { Sessions, type SessionRow } from "./sessions.ts";

/** A process that reported longer ago has ended. Each reports every 10 s. */
const REPORT_SECONDS = 30;

/**
 * Finds processes that cannot read the newest format. Those of earlier versions report nothing, so it also looks at the
 * names of the connections in Postgres and of the members of Kafka's groups.
 */
export class RunningServices {
  readonly #namespace: string;
  readonly #parts: { postgres: Postgres; link: KafkaLink; redis: Redis };
  readonly #sessions: Sessions;

  constructor(namespace: string, parts: { postgres: Postgres; link: KafkaLink; redis: Redis }) {
    this.#namespace = namespace;
    this.#parts = parts;
    this.#sessions = new Sessions(namespace);
  }

  /** One line for each process that is too old, or that may be. Empty if the upgrade can be finished. */
  async tooOld(): Promise<string[]> {
    const found = await Promise.all([this.#reports(), this.#connected(), this.#members(), this.#distributors()]);
    return found.flat();
  }

  async #reports(): Promise<string[]> {
    const { rows } = await this.#parts.postgres.pool.query<{ instance: string; service: string; format: number }>(
      `select instance, service, format from "${this.#namespace}".service_formats
       where format < $1 and at > now() - interval '${REPORT_SECONDS} seconds' order by service, instance`,
      [FORMAT],
    );
    return rows.map(({ instance, service, format }) => `${service} ${instance} reads only format ${format}`);
  }

  async #connected(): Promise<string[]> {
    const { rows } = await this.#parts.postgres.pool.query<SessionRow>(
      `select pid || ' ' || backend_start as id, application_name as name, usename as role,
         coalesce(host(client_addr), 'the same machine') as host, query
       from pg_stat_activity where datname = current_database() and application_name ~ $1 order by name, host`,
      [`^(${ROLE_NAMES.join("|")})(\\.|$)`],
    );
    return this.#sessions.tooOld(rows);
  }

  async #members(): Promise<string[]> {
    const groups = [directorGroup, dispatcherGroup, courierGroup, recorderGroup].map((group) => group(this.#namespace));
    const members = await this.#parts.link.members(groups);
    return members
      .filter(({ name }) => readConnectionName(name).format < FORMAT)
      .map(
        ({ group, name, host }) =>
          `${readConnectionName(name).service} at ${host} (Kafka group ${group}) ${readsOnly(name)}`,
      );
  }

  async #distributors(): Promise<string[]> {
    const { link, redis } = this.#parts;
    const slots = (await link.present([topicsOf(this.#namespace).routed])).values().next().value ?? 0;
    const owners = await new Presence(redis, new Keys(this.#namespace)).slotOwners(slots);
    const groups = new Map(
      Array.from(owners, ([slot, incarnation]) => [slotGroup(this.#namespace, slot, incarnation), slot]),
    );
    const members = new Map((await link.members([...groups.keys()])).map((member) => [member.group, member]));
    return Array.from(groups).flatMap(([group, slot]) => {
      const member = members.get(group);
      if (!member) return [`the distributor of slot ${slot} is not in its Kafka group ${group}`];
      if (readConnectionName(member.name).format >= FORMAT) return [];
      return [`distributor of slot ${slot} at ${member.host} ${readsOnly(member.name)}`];
    });
  }
}

const readsOnly = (name: string): string => `reads only format ${readConnectionName(name).format}`;
