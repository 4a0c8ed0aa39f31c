import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { Button } from "#ui/button.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { pathOf, PLATFORM_PAGES, TENANT_PAGES } from "./pages.ts";

const SECOND_KEY_MS = 1_500;

/** `/` searches, `?` shows the keys, `g` and a letter opens a page. */
export function useKeys(tenant: string | undefined, on: { search: () => void; help: () => void }): void {
  const navigate = useNavigate();
  const began = useRef(-Infinity);
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.timeStamp - began.current < SECOND_KEY_MS) {
        began.current = -Infinity;
        const to = pageOf(event.key, tenant);
        if (to === undefined) return;
        event.preventDefault();
        void navigate({ to });
      } else if (event.key === "/") {
        event.preventDefault();
        on.search();
      } else if (event.key === "?") on.help();
      else if (event.key === "g") began.current = event.timeStamp;
    };
    globalThis.addEventListener("keydown", pressed);
    return () => globalThis.removeEventListener("keydown", pressed);
  });
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest("input, textarea, select, dialog, [role=menu]") !== null;

function pageOf(key: string, tenant: string | undefined): string | undefined {
  const platform = PLATFORM_PAGES.find((page) => page.key === key);
  if (platform) return platform.to;
  const page = TENANT_PAGES.find((one) => one.key === key);
  return page && tenant !== undefined ? pathOf(tenant, page.to) : undefined;
}

export function KeysDialog({ onClose }: { onClose: () => void }) {
  const keys: [string[], string][] = [
    [["/"], "Search a notification, a client, a page or a tenant"],
    [["?"], "Show these keys"],
    [["Esc"], "Close a dialog"],
    ...[...PLATFORM_PAGES, ...TENANT_PAGES].flatMap(({ key, title }): [string[], string][] =>
      key === undefined ? [] : [[["g", key], title]],
    ),
  ];
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl className="facts">
        {keys.map(([strokes, does]) => (
          <div className="fact" key={does}>
            <dt className="row">
              {strokes.map((stroke) => (
                <kbd key={stroke}>{stroke}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <footer>
        <Button onClick={onClose} autoFocus>
          Close
        </Button>
      </footer>
    </Dialog>
  );
}
