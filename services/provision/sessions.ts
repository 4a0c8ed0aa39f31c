import { FORMAT, readConnectionName } from "@saasaparilla/shared/protocol/format.ts";
import { ROLE_NAMES, roleOf } from "@saasaparilla/shared/store-grants/grants.ts";

/** A row of pg_stat_activity. */
export interface SessionRow {
  /** Of this session, as long as the server runs. */
  id: string;
  /** application_name */
  name: string;
  role: string;
  host: string;
  /** The last statement. Postgres shows another user's statements only to roles that may see them. */
  query: string;
}

type Owner = "ours" | "others" | "unknown";

const SCHEMA = /"([^"]+)"\./;

/**
 * The sessions of services in a database that several platforms may share. A role names its platform; without roles, a
 * statement names the schema. A session that once named another platform stays that platform's.
 */
export class Sessions {
  readonly #roles: ReadonlySet<string>;
  readonly #namespace: string;
  readonly #others = new Set<string>();

  constructor(namespace: string) {
    this.#namespace = namespace;
    this.#roles = new Set(ROLE_NAMES.map((role) => roleOf(namespace, role)));
  }

  tooOld(rows: readonly SessionRow[]): string[] {
    const lines = rows.flatMap((row) => {
      const { service, format } = readConnectionName(row.name);
      const owner = format < FORMAT ? this.#ownerOf(row) : "others";
      if (owner === "others") return [];
      const hint = owner === "ours" ? "" : `, and Postgres does not show its platform (role ${row.role})`;
      return [`${service} at ${row.host} (in Postgres) reads only format ${format}${hint}`];
    });
    // A process has several sessions.
    return [...new Set(lines)];
  }

  #ownerOf({ id, role, query }: SessionRow): Owner {
    if (this.#roles.has(role)) return "ours";
    if (this.#others.has(id) || ROLE_NAMES.some((name) => role.endsWith(`_${name}`))) return "others";
    const schema = SCHEMA.exec(query)?.[1];
    if (schema === undefined) return "unknown";
    if (schema === this.#namespace) return "ours";
    this.#others.add(id);
    return "others";
  }
}
