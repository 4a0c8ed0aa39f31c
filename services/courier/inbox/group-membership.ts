import type { Log } from "@saasaparilla/shared/runtime/log.ts";

export interface Membership {
  leave(): Promise<void>;
}

export interface GroupMembershipParts {
  /** Whether any tenant has an inbox. Undefined: not known yet. */
  wanted: () => boolean | undefined;
  join: () => Promise<Membership>;
  log: Log;
  fatal: (error: unknown) => void;
}

/** Joins the group while a tenant has an inbox. Without one no courier reads accepted. */
export class GroupMembership {
  readonly #parts: GroupMembershipParts;
  #member: Membership | undefined;
  #changing = false;

  constructor(parts: GroupMembershipParts) {
    this.#parts = parts;
  }

  /** Call it every second. */
  async look(): Promise<void> {
    const { wanted, join, log, fatal } = this.#parts;
    const now = wanted();
    if (this.#changing || now === undefined || now === (this.#member !== undefined)) return;
    this.#changing = true;
    try {
      if (this.#member) {
        log.info("no tenant has an inbox any more: accepted is not read");
        await this.#member.leave();
        this.#member = undefined;
      } else {
        log.info("a tenant has an inbox: accepted is read");
        this.#member = await join();
      }
    } catch (error) {
      fatal(error);
    } finally {
      this.#changing = false;
    }
  }

  /** A join that waits for Kafka ends with the process. */
  async end(): Promise<void> {
    const member = this.#member;
    if (this.#changing || !member) return;
    this.#changing = true;
    await member.leave();
  }
}
