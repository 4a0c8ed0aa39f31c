/** Hosts of this machine. Developers can allow their own pages on any port with one entry. */
const LOCAL = /^(https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])):\*$/;

/** An Origin header of a browser, or a host of this machine with any port: `http://localhost:*`. */
export function isOrigin(text: string): boolean {
  return LOCAL.test(text) || (/^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text);
}

/** The entry that allows this origin with any port, if its host is this machine. */
export function anyPortOf(origin: string): string | undefined {
  if (!/^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(origin)) return undefined;
  return `${origin.replace(/:\d+$/, "")}:*`;
}
