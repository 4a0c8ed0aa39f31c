import { setTimeout as sleep } from "node:timers/promises";
import { ConsoleApi } from "#tests/support/console-api.ts";
import type { SeededRandom } from "#tests/support/seeded-random.ts";
import type { HistoryEvent } from "./history.ts";
import type { Rig } from "./rig.ts";
import { knownOf, toldWrong, wrongIn, type Known, type Told } from "./told.ts";
import type { Violation } from "./verdict.ts";

/** The most notifications of a run that the console is asked about. */
const MOST = 400;
const AT_ONCE = 8;
const PATIENCE_MS = 30_000;

/** Asks the console about notifications of the history, and compares. Those that did not arrive come first. */
export async function judgeTimeline(
  rig: Rig,
  events: readonly HistoryEvent[],
  random: SeededRandom,
): Promise<Violation[]> {
  const all = knownOf(events);
  const missing = all.filter(({ received }) => !received);
  const rest = all.filter(({ received }) => received).toSorted(() => random.next() - 0.5);
  let open = [...missing, ...rest].slice(0, MOST).map((known) => ({ known, why: "it was not asked about" }));
  const api = await ConsoleApi.of(rig, rig.of("console")[0]!.service);
  // The recorder writes events a moment after they happened.
  for (const deadline = performance.now() + PATIENCE_MS; ; await sleep(500)) {
    const wrong: typeof open = [];
    const left = open.values();
    const worker = async (): Promise<void> => {
      for (const { known } of left) {
        const why = await wrongAt(api, known);
        if (why !== undefined) wrong.push({ known, why });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    open = wrong;
    if (open.length === 0 || performance.now() > deadline) break;
  }
  return open.map(({ known, why }) => toldWrong(known, why));
}

async function wrongAt(api: ConsoleApi, known: Known): Promise<string | undefined> {
  const [tenant = "", client = ""] = known.key.split(/\/(.*)/s);
  const path = `/${tenant}/notifications/${known.notification}?client=${encodeURIComponent(client)}`;
  const { status, body } = await api.ask("GET", path);
  if (status !== 200) return `the console answered ${status}`;
  const { state, unknown } = body as unknown as { state: { name: string; sentence: string }; unknown: string[] };
  const told: Told = { state: state.name, sentence: state.sentence, unknown };
  return wrongIn(known, told);
}
