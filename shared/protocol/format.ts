/**
 * The newest form of bytes and policies that this code reads. 1: before options of notifications, queue keys and
 * targets of grants. 2: before inboxes. 3: before followed notifications. A service writes a newer form only if the
 * platform's format (postgres/platform-format.ts) allows it, because a process of an earlier version may still run.
 */
export const FORMAT = 4;

/** From this format on a notification may be followed: an earlier service cannot read its body. */
export const FOLLOWED_FORMAT = 4;

/** What a service of an earlier version reads: it names no format. */
export const FIRST_FORMAT = 1;

const NAMED = /^(.+)\.format-(\d{1,9})$/;

/**
 * The name of a service's connections in Postgres and Kafka. It shows the format also of a service that cannot report
 * it, for example while Postgres is away.
 */
export function connectionName(service: string, format = FORMAT): string {
  return `${service}.format-${format}`;
}

export function readConnectionName(name: string): { service: string; format: number } {
  const [, service, format] = NAMED.exec(name) ?? [];
  return service === undefined ? { service: name, format: FIRST_FORMAT } : { service, format: Number(format) };
}
