import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { directorGroup, type Topics } from "@saasaparilla/shared/kafka/topic-names.ts";

/**
 * With more partitions, a client's notifications go to another one. Another director has its lane there, and another
 * its deferred notifications. New notifications would overtake unsettled ones. So nothing may be unsettled, and no
 * service may run.
 */
export async function checkSettled(
  link: KafkaLink,
  namespace: string,
  names: Topics,
  partitions: { present: number; wanted: number },
): Promise<void> {
  const { present, wanted } = partitions;
  if (wanted < present)
    throw new Failure(
      "fatal",
      `${names.accepted} has ${present} partitions and cannot have fewer. Set ACCEPTED_PARTITIONS to a larger number.`,
    );
  const group = directorGroup(namespace);
  const unsettled: string[] = [];
  for (const topic of [names.accepted, names.deferred]) {
    let open = 0;
    for (const { committed, end } of (await link.progress(group, topic)).values()) open += end - committed;
    if (open > 0) unsettled.push(`${open} records of ${topic} are not settled`);
  }
  if (unsettled.length > 0)
    throw new Failure(
      "fatal",
      `${unsettled.join(", ")}. Stop the receivers, and keep the directors running until everything is settled.`,
    );
  const { groups } = await link.admin((admin) => admin.describeGroups([group]));
  const members = groups.reduce((sum, each) => sum + each.members.length, 0);
  if (members > 0)
    throw new Failure("fatal", `${members} directors are running. Stop receivers, distributors and directors first.`);
}
