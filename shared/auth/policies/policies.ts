import { rowSchemas, ROLES, type RowKind, type RowOf, type Scope } from "./schema.ts";
import type { Row } from "#postgres/row-store.ts";
import { ClientPatterns } from "./client-patterns.ts";

export interface Grant {
  scopes: readonly Scope[];
  subjects: ClientPatterns;
  clients: ClientPatterns;
  /** Undefined: none. */
  targets: ClientPatterns | undefined;
}

export interface Key extends RowOf<"key"> {
  tenant: string;
  grant: Grant;
}

export interface IssuerOf extends RowOf<"issuer"> {
  tenant: string;
  /** The place of its row. */
  place: string;
}

interface Tenant {
  name: string;
  row: RowOf<"tenant"> | undefined;
  origins: ReadonlySet<string>;
  grants: Map<string, Grant>;
  /** Subject, or "*", to a second. Tokens and keys issued up to that second are revoked. */
  revoked: Map<string, number>;
  /** Rows that were not understood and may forbid something. A tenant with one may do nothing. */
  unknown: Set<string>;
}

/** Rows that only give rights. One that is not understood gives none, and the rest of its tenant goes on. */
const ONLY_GIVES: ReadonlySet<string> = new Set<RowKind>(["key", "grant"]);

/** Adds a row, or removes it if it no longer exists. */
type Puts = { [K in RowKind]: (tenant: Tenant, id: string, row: RowOf<K> | undefined) => void };

/**
 * The policies as Postgres had them a moment ago. All of them are in memory, so that no request reads Postgres. Pure:
 * refresh.ts brings the rows, and authorize.ts decides by them.
 */
export class Policies {
  readonly #tenants = new Map<string, Tenant>();
  readonly #keys = new Map<string, Key>();
  /** By the name of the issuer, and the name by its row: a renamed issuer gives up its old name. */
  readonly #issuers = new Map<string, IssuerOf>();
  readonly #issuerNames = new Map<string, string>();
  /** The number of tenants whose documents name each origin. */
  readonly #origins = new Map<string, number>();
  /** Kind, tenant and id of rows that this process does not understand. */
  readonly #unknown = new Set<string>();
  #loaded = false;

  readonly #puts: Puts = {
    tenant: (tenant, _, row) => {
      for (const origin of tenant.origins) this.#count(origin, -1);
      tenant.origins = new Set(row?.origins);
      for (const origin of tenant.origins) this.#count(origin, 1);
      tenant.row = row;
    },
    key: (tenant, id, row) =>
      set(
        this.#keys,
        id,
        row && {
          ...row,
          tenant: tenant.name,
          grant: { scopes: row.scopes, subjects: new ClientPatterns(["*"]), ...namedBy(row) },
        },
      ),
    issuer: (tenant, id, row) => {
      const place = `${tenant.name}/${id}`;
      const before = this.#issuerNames.get(place) ?? "";
      // Another row may have taken that name since, and been read first.
      if (this.#issuers.get(before)?.place === place) this.#issuers.delete(before);
      set(this.#issuerNames, place, row?.issuer);
      if (row) this.#issuers.set(row.issuer, { ...row, tenant: tenant.name, place });
    },
    grant: ({ grants }, id, row) =>
      set(
        grants,
        id,
        row && {
          scopes: ROLES[row.role],
          subjects: new ClientPatterns(row.subjects),
          ...namedBy(row),
        },
      ),
    revocation: ({ revoked }, id, row) => set(revoked, id, row?.before),
  };

  /** No caller is admitted before. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** The number of issuers beside the platform's own. */
  get issuers(): number {
    return this.#issuers.size;
  }

  /** The number of rows that this process does not understand. */
  get unknown(): number {
    return this.#unknown.size;
  }

  tenant(name: string): Readonly<Tenant> | undefined {
    return this.#tenants.get(name);
  }

  /** The names of tenants that have a row of any kind. */
  tenantNames(): Iterable<string> {
    return this.#tenants.keys();
  }

  key(id: string): Key | undefined {
    return this.#keys.get(id);
  }

  issuer(name: string): IssuerOf | undefined {
    return this.#issuers.get(name);
  }

  /** Origins that the documents of tenants name. */
  get origins(): ReadonlyMap<string, number> {
    return this.#origins;
  }

  /** `anew`: these rows replace all others. */
  apply(rows: readonly Row[], anew = false): void {
    if (anew)
      for (const map of [this.#tenants, this.#keys, this.#issuers, this.#issuerNames, this.#origins, this.#unknown])
        map.clear();
    for (const row of rows) this.#apply(row);
    this.#loaded = true;
  }

  #apply({ kind, tenant: name, id, value }: Row): void {
    let tenant = this.#tenants.get(name);
    if (!tenant) {
      tenant = { name, row: undefined, origins: new Set(), grants: new Map(), revoked: new Map(), unknown: new Set() };
      this.#tenants.set(name, tenant);
    }
    const known = Object.hasOwn(rowSchemas, kind);
    const row = known && value !== null ? rowSchemas[kind as RowKind].safeParse(value).data : undefined;
    if (known) (this.#puts[kind as RowKind] as Puts["tenant"])(tenant, id, row as RowOf<"tenant"> | undefined);
    const understood = row !== undefined || value === null;
    mark(this.#unknown, `${kind} ${name} ${id}`, !understood);
    mark(tenant.unknown, `${kind} ${id}`, !understood && !ONLY_GIVES.has(kind));
  }

  #count(origin: string, change: 1 | -1): void {
    const count = (this.#origins.get(origin) ?? 0) + change;
    set(this.#origins, origin, count === 0 ? undefined : count);
  }
}

function namedBy({ clients, targets }: RowOf<"grant" | "key">): Pick<Grant, "clients" | "targets"> {
  return { clients: new ClientPatterns(clients), targets: targets && new ClientPatterns(targets) };
}

function mark(set: Set<string>, name: string, is: boolean): void {
  if (is) set.add(name);
  else set.delete(name);
}

function set<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
