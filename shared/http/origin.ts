/** Hosts of this machine: any page of a developer's own may be allowed at once, whatever its port. */
const LOCAL = /^(https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])):\*$/;

/** What a browser sends as Origin, or a host of this machine with any port: `http://localhost:*`. */
export function isOrigin(text: string): boolean {
  return LOCAL.test(text) || (/^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text);
}

/** The entry that allows this origin with any port, where it is one of this machine. */
export function anyPortOf(origin: string): string | undefined {
  if (!/^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(origin)) return undefined;
  return `${origin.replace(/:\d+$/, "")}:*`;
}
