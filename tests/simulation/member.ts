import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { changeOwnership, Ownership, type OwnershipOutput } from "#services/director/partitions/ownership.ts";
import { SimulatedDirector } from "./director.ts";
import { PARTITION, Violation, type Stage } from "./stage.ts";

/** A superseded owner learns the truth from the group within this number of its turns. */
const OVERDUE_TURNS = 400;

/** The consumer group: it has one owner of the partition, and each member learns of a change late. */
export class Group {
  generation = 0;
  owner: Member | undefined;

  /** `expelled`: the earlier owner was away too long, and joins as a new member. */
  assign(owner: Member, expelled: boolean): void {
    this.generation += 1;
    if (expelled && this.owner) this.owner.expelled = true;
    this.owner = owner;
  }
}

/** A director process: it joins the group, claims the partition, and changes its ownership by the real table. */
export class Member implements OwnershipOutput {
  expelled = false;
  readonly #stage: Stage;
  readonly #group: Group;
  #joined = 0;
  #ownership: Ownership | undefined;
  /** Claims that its producer has sent: they reach `control` late, even after the partition is lost. */
  #sentClaims: Ownership[] = [];
  #writtenClaims: { ownership: Ownership; generation: number }[] = [];
  #directors: SimulatedDirector[] = [];
  #superseded: { ownership: Ownership; turns: number } | undefined;

  constructor(stage: Stage, group: Group) {
    this.#stage = stage;
    this.#group = group;
  }

  get alive(): boolean {
    const busy = this.#sentClaims.length > 0 || this.#directors.length > 0;
    return this.#group.owner === this || this.#ownership !== undefined || busy;
  }

  /** Kafka accepts commits of members of the present generation. It does not check who owns the partition. */
  get accepted(): boolean {
    return !this.expelled && this.#joined === this.#group.generation;
  }

  act(): void {
    this.#directors = this.#directors.filter(({ alive }) => alive);
    const todo = this.#directors.map((director) => () => director.act());
    if (this.#joined !== this.#group.generation) todo.push(() => this.#join());
    if (this.#sentClaims.length > 0) todo.push(() => this.#writeClaim());
    if (this.#writtenClaims.length > 0) todo.push(() => this.#own());
    if (todo.length > 0) this.#stage.random.pick(todo)();
    const superseded = this.#superseded;
    if (superseded && (superseded.turns += 1) > OVERDUE_TURNS) {
      this.#superseded = undefined;
      changeOwnership(superseded.ownership, { type: "overdue" }, this);
    }
  }

  timeouts(): void {
    for (const director of this.#directors) director.timeouts();
  }

  /** The group accepted its commits, of `control` up to this offset. */
  committed(ownership: Ownership, offset: number): void {
    changeOwnership(ownership, { type: "committed", offset }, this);
  }

  awaitRevocation(ownership: Ownership): void {
    this.#superseded = { ownership, turns: 0 };
  }

  rejoin(ownership: Ownership): void {
    this.#stage.note(() => `g${ownership.generation} was superseded by a late claim, and rejoins`);
    this.#group.generation += 1;
    this.expelled = true;
  }

  disagree({ generation }: Ownership): void {
    throw new Violation(this.#stage, `g${generation} is superseded, and the group does not revoke it`);
  }

  #join(): void {
    const owns = this.#group.owner === this;
    if (this.#ownership && (!owns || this.expelled)) {
      this.#stage.note(() => `g${this.#ownership!.generation} is revoked`);
      changeOwnership(this.#ownership, { type: "revoked" }, this);
      this.#ownership = undefined;
    }
    this.expelled = false;
    this.#joined = this.#group.generation;
    if (!owns || this.#ownership) return;
    this.#ownership = new Ownership(PARTITION);
    this.#sentClaims.push(this.#ownership);
  }

  #writeClaim(): void {
    const { control, now } = this.#stage;
    const ownership = this.#sentClaims.shift()!;
    const claim = new PackWriter(128);
    claim.signal({ type: "claim", director: "simulated" });
    const generation = control.append(claim.take(), now);
    this.#stage.note(() => `claim ${generation}`);
    this.#writtenClaims.push({ ownership, generation });
  }

  #own(): void {
    const stage = this.#stage;
    const { ownership, generation } = this.#writtenClaims.shift()!;
    changeOwnership(ownership, { type: "claimed", generation }, this);
    if (ownership.state !== "OWNED") return;
    stage.note(() => `g${generation} owns the partition from ${stage.committed}`);
    this.#directors.push(new SimulatedDirector(stage, ownership, this));
  }
}
