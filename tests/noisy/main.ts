import { Asking } from "./measured-tenant.ts";
import { MEANS } from "./neighbour-loads.ts";
import type { Target } from "./target.ts";

/** A separate process, forked by neighbour.ts: its cost does not count as the load tool's. */
process.once("message", ({ means, target }: { means: string; target: Target }) => {
  const asking = new Asking(target);
  process.once("message", () => asking.end());
  void MEANS[means]!(target, asking).then(() => process.send!(asking.answers, () => process.disconnect()));
});
process.once("disconnect", () => process.exit());
