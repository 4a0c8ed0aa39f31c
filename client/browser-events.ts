/** The used part of the global object of a browser or worker. Other runtimes do not have it. */
type Listen = (name: string, listener: (event: { type: string }) => void, capture: boolean) => void;
interface Scope {
  addEventListener?: Listen;
  removeEventListener?: Listen;
  document?: { visibilityState: string };
}

/** After these the connection may be gone: the page was hidden, frozen or kept in a cache, or the network changed. */
const EVENTS = ["online", "offline", "pageshow", "visibilitychange", "resume"];

/** Listens to the page and the network, if the runtime has such events. Returns a function that stops it. */
export function watchPage(awake: (event: string) => void): () => void {
  const scope = globalThis as Scope;
  const listener = ({ type }: { type: string }): void => {
    if (type !== "visibilitychange" || scope.document?.visibilityState === "visible") awake(type);
  };
  // Events of the document pass here, too.
  for (const name of EVENTS) scope.addEventListener?.(name, listener, true);
  return () => EVENTS.forEach((name) => scope.removeEventListener?.(name, listener, true));
}
