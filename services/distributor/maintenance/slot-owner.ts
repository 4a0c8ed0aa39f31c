import { randomInt } from "node:crypto";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Presence } from "@saasaparilla/shared/redis/presence.ts";
import type { Health } from "@saasaparilla/shared/runtime/health.ts";
import type { Batch, SlotReaderOptions } from "@saasaparilla/shared/kafka/client.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";

export interface SlotOwnerOptions {
  presence: Presence;
  slots: number;
  leaseMs: number;
  topic: string;
  group(slot: number, incarnation: number): string;
  endOffset(topic: string, partition: number): Promise<number>;
  readSlot(options: SlotReaderOptions): Promise<{ stop(): Promise<void> }>;
  onBatch(batch: Batch): void;
  /** Redis lost the lease and has it again (a FLUSHALL), or the slot changed: register every connection again. */
  onRegisterAgain(moved: boolean): void;
  onFatal: (error: unknown) => void;
  health: Health;
  log: Log;
}

/**
 * Two distributors may briefly believe that they own a slot. Records carry the incarnation, so neither takes the
 * other's.
 */
export class SlotOwner {
  readonly #options: SlotOwnerOptions;
  #slot = -1;
  #incarnation = 0;
  #offset = 0;
  #reader: { stop(): Promise<void> } | undefined;
  #renewal: NodeJS.Timeout | undefined;

  constructor(options: SlotOwnerOptions) {
    this.#options = options;
  }

  get slot(): number {
    return this.#slot;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  /**
   * Takes a free slot and reads it from now on: earlier records cannot be for this incarnation. Waits while no slot is
   * free.
   */
  async open(): Promise<void> {
    const { presence, slots, leaseMs, topic, health, log } = this.#options;
    for (let warned = false; ;) {
      const incarnation = randomInt(1, 2 ** 48 - 1);
      try {
        const slot = await presence.claimSlot(slots, incarnation, leaseMs);
        if (slot !== undefined) {
          this.#slot = slot;
          this.#incarnation = incarnation;
          break;
        }
        health.down("slot", `all ${slots} slots are owned`);
        if (!warned)
          log.warn({ slots }, "every slot is owned: add partitions to the routed topic, or run fewer distributors");
        warned = true;
      } catch (error) {
        health.down("slot", messageOf(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 500));
    }
    clearInterval(this.#renewal);
    this.#renewal = setInterval(() => void this.#renew(), leaseMs / 3);
    this.#offset = await this.#options.endOffset(topic, this.#slot);
    this.#reader = await this.#options.readSlot({
      topic,
      partition: this.#slot,
      group: this.#options.group(this.#slot, this.#incarnation),
      position: () => this.#offset,
      onBatch: (batch) => {
        if (batch.partition !== this.#slot) return;
        this.#offset = Math.max(this.#offset, (batch.records.at(-1)?.offset ?? 0) + 1);
        this.#options.onBatch(batch);
      },
      onFatal: this.#options.onFatal,
    });
    health.up("slot");
    log.info({ slot: this.#slot, incarnation: this.#incarnation, offset: this.#offset }, "slot owned");
  }

  async close(): Promise<void> {
    clearInterval(this.#renewal);
    await this.#options.presence.releaseSlot(this.#slot, this.#incarnation).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, "releasing the slot's lease failed: it will expire");
    });
    await this.#reader?.stop();
  }

  async #renew(): Promise<void> {
    const { presence, leaseMs, log, health } = this.#options;
    try {
      const answer = await presence.renewSlot(this.#slot, this.#incarnation, leaseMs);
      // A timeout closes no connection, so no reopening would show that Redis is back.
      health.up("redis");
      health.up("slot");
      if (answer === "renewed") return;
      log.warn({ slot: this.#slot, answer }, "the slot's lease was lost");
      if (answer === "lost") {
        this.#options.onRegisterAgain(false);
        return;
      }
      clearInterval(this.#renewal);
      await this.#reader?.stop();
      await this.open();
      this.#options.onRegisterAgain(true);
    } catch (error) {
      // Redis is only a hint: live sessions continue without it.
      log.debug({ err: error }, "renewing the slot's lease failed");
    }
  }
}
