import type { Row } from "#postgres/row-store.ts";
import { documentSchemas, type DocumentKind, type DocumentOf } from "./documents.ts";
import { Exchange } from "./exchange.ts";

/** A document that this process read, or `unreadable`: a later version wrote it. */
export type Known<T> = T | "unreadable" | undefined;

export interface DocumentPlace {
  kind: string;
  tenant: string;
  id: string;
}

/** Told of documents that may have changed. `anew`: all other documents are gone. */
export type Follower = (places: readonly DocumentPlace[], anew: boolean) => void;

/** The documents as Postgres had them a moment ago, in memory: no publication reads Postgres for them. */
export class DocumentCache {
  readonly #documents: { [K in DocumentKind]: Map<string, Known<DocumentOf<K>>> } = {
    exchange: new Map(),
    queue: new Map(),
    schedule: new Map(),
  };
  readonly #unknown = new Set<string>();
  readonly #compiled = new WeakMap<DocumentOf<"exchange">, Exchange>();
  readonly #followers: Follower[] = [];
  #loaded = false;

  /** Before that, every document is missing: wait, and refuse nothing. */
  get loaded(): boolean {
    return this.#loaded;
  }

  get unknown(): number {
    return this.#unknown.size;
  }

  find<K extends DocumentKind>(kind: K, tenant: string, id: string): Known<DocumentOf<K>> {
    return this.#documents[kind].get(`${tenant}/${id}`);
  }

  /** The same for settings whose default is safe: a document that is unreadable counts as none. */
  readable<K extends DocumentKind>(kind: K, tenant: string, id: string): DocumentOf<K> | undefined {
    const document = this.find(kind, tenant, id);
    return document === "unreadable" ? undefined : document;
  }

  /** Ready to route, compiled once for each version of its document. */
  exchange(tenant: string, id: string): Known<Exchange> {
    const document = this.find("exchange", tenant, id);
    if (typeof document !== "object") return document;
    let exchange = this.#compiled.get(document);
    if (!exchange) this.#compiled.set(document, (exchange = new Exchange(document)));
    return exchange;
  }

  /** Calls it after each refresh that brought changes. */
  follow(follower: Follower): void {
    this.#followers.push(follower);
  }

  apply(rows: readonly Row[], anew: boolean): void {
    if (anew) for (const map of [...Object.values(this.#documents), this.#unknown]) map.clear();
    for (const row of rows) this.#apply(row);
    this.#loaded = true;
    for (const follower of this.#followers) follower(rows, anew);
  }

  #apply({ kind, tenant, id, value }: Row): void {
    const known = Object.hasOwn(documentSchemas, kind) ? (kind as DocumentKind) : undefined;
    const place = `${tenant}/${id}`;
    const document =
      value === null || !known ? undefined : (documentSchemas[known].safeParse(value).data ?? "unreadable");
    if (known) {
      const documents = this.#documents[known] as Map<string, unknown>;
      if (document === undefined) documents.delete(place);
      else documents.set(place, document);
    }
    if (document === "unreadable" || (!known && value !== null)) this.#unknown.add(`${kind} ${place}`);
    else this.#unknown.delete(`${kind} ${place}`);
  }
}
