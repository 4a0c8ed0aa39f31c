import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { PartitionEffects } from "#services/director/partitions/partition-options.ts";
import { PARTITION, short, type Stage } from "./stage.ts";

/** Records that a director's producer has queued for routed, until they are in the topic. */
export class SimulatedRouted {
  readonly #stage: Stage;
  readonly #generation: number;
  #sends: { slot: number; write: (writer: PackWriter) => void }[] = [];

  constructor(stage: Stage, generation: number) {
    this.#stage = stage;
    this.#generation = generation;
  }

  get queued(): number {
    return this.#sends.length;
  }

  effects(): Pick<PartitionEffects, "invite" | "held" | "demote" | "send" | "taken" | "losing"> {
    const [stage, generation] = [this.#stage, this.#generation];
    const signal = (slot: number, rest: Record<string, unknown>): void => {
      stage.note(() => `g${generation} -> s${slot} ${JSON.stringify(rest)}`);
      this.#sends.push({ slot, write: (writer) => writer.signal({ partition: PARTITION, generation, ...rest }) });
    };
    return {
      taken: () => {},
      losing: () => {},
      invite: ({ key }, { slot, incarnation, session }) => signal(slot, { type: "invite", incarnation, session, key }),
      held: (_, { slot, incarnation, session, hold }, stored, queued) => {
        const known = { ...(stored === undefined ? {} : { stored }), ...(queued === undefined ? {} : { queued }) };
        signal(slot, { type: "held", incarnation, session, hold, ...known });
      },
      demote: (_, { slot, incarnation, session }, reason, resume) =>
        signal(slot, { type: "demoted", incarnation, session, reason, ...(resume === undefined ? {} : { resume }) }),
      send: (_, { slot, incarnation, session, sent }, { sequence, body, record: { appended } }) => {
        stage.note(() => `g${generation} -> s${slot} deliver ${short(sequence)} after ${short(sent)} to ${session}`);
        const deliver = {
          incarnation,
          session,
          partition: PARTITION,
          generation,
          appended,
          prev: sent,
          sequence,
          body,
        };
        this.#sends.push({ slot, write: (writer) => writer.deliver(deliver) });
      },
    };
  }

  /** The first of them reaches the topic, sometimes twice. */
  send(): void {
    const stage = this.#stage;
    const send = this.#sends.shift();
    if (!send) return;
    const writer = new PackWriter(256);
    send.write(writer);
    const value = writer.take();
    stage.routed[send.slot]!.append(value, stage.now);
    if (stage.random.in(0.03)) stage.routed[send.slot]!.append(value, stage.now);
  }
}
