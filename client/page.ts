/** What of a browser's or worker's global object is used here; elsewhere it is not there. */
interface Target {
  addEventListener?(name: string, listener: () => void): void;
  removeEventListener?(name: string, listener: () => void): void;
  readonly visibilityState?: string;
}

export interface Wakened {
  /** The page is shown, thawed or taken from the cache, or the network changed: the connection may be gone. */
  awake(): void;
  /** It may be another network. */
  online(): void;
}

/** Listens to the page and the network, where there are such events. Answers how to stop. */
export function watchPage({ awake, online }: Wakened): () => void {
  const scope = globalThis as Target & { document?: Target };
  const { document } = scope;
  const shown = (): void => {
    if (document?.visibilityState !== "hidden") awake();
  };
  const listened: [Target | undefined, string, () => void][] = [
    [scope, "online", online],
    [scope, "offline", awake],
    [scope, "pageshow", awake],
    [document, "visibilitychange", shown],
    [document, "resume", awake],
  ];
  for (const [target, name, listener] of listened) target?.addEventListener?.(name, listener);
  return () => {
    for (const [target, name, listener] of listened) target?.removeEventListener?.(name, listener);
  };
}
