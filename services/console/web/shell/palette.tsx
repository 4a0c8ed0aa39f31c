import { useNavigate } from "@tanstack/react-router";
import { useId, useState } from "react";
import { useRead } from "#api/queries.ts";
import { useSession } from "#api/session.ts";
import { Dialog } from "#ui/dialog.tsx";
import { pathOf, PLATFORM_PAGES, TENANT_PAGES } from "./pages.ts";

interface Entry {
  title: string;
  kind: string;
  to: string;
  search?: Record<string, string>;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** `instance` of a problem. */
const INSTANCE = /^urn:uuid:/i;
const CLIENT = /^[\x21-\x7e]{1,128}$/;
const MOST = 12;

/** Search: a notification's id, a client, a page, or another tenant. */
export function Palette({
  tenant,
  only,
  onClose,
}: {
  tenant: string | undefined;
  only?: "tenants";
  onClose: () => void;
}) {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const navigate = useNavigate();
  const tenants = useTenants();
  const list = useId();
  const asked = text.trim();
  const entries = (only === "tenants" ? [] : [...namedBy(asked, tenant), ...pagesLike(asked, tenant)])
    .concat(tenantsLike(asked, tenants))
    .slice(0, MOST);
  const at = Math.min(chosen, entries.length - 1);
  const open = (entry: Entry | undefined): void => {
    if (entry === undefined) return;
    onClose();
    void navigate({ to: entry.to, ...(entry.search && { search: entry.search }) });
  };
  const what = only === "tenants" ? "Switch tenant" : "Search";
  return (
    <Dialog title={what} titled={false} className="palette" onClose={onClose}>
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls={list}
        aria-label={what}
        aria-activedescendant={entries.length > 0 ? `${list}-${at}` : undefined}
        placeholder={only === "tenants" ? "Name of a tenant" : "Notification id, client, instance, page or tenant"}
        autoComplete="off"
        spellCheck={false}
        autoFocus
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          setChosen(0);
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (step !== undefined) setChosen(Math.max(0, Math.min(entries.length - 1, at + step)));
          else if (event.key === "Enter") open(entries[at]);
          else return;
          event.preventDefault();
        }}
      />
      <ul role="listbox" id={list} aria-label="Results">
        {entries.map((entry, index) => (
          <li
            key={`${entry.kind} ${entry.to}`}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === at}
            onMouseMove={() => setChosen(index)}
            onClick={() => open(entry)}
          >
            <span>{entry.title}</span>
            <span>{entry.kind}</span>
          </li>
        ))}
        {entries.length === 0 && (
          <li role="option" aria-selected="false" aria-disabled="true">
            <span>Nothing matches. Choose a tenant first to open its clients and notifications.</span>
          </li>
        )}
      </ul>
    </Dialog>
  );
}

function useTenants(): string[] {
  const { platform, tenants } = useSession();
  const read = useRead<{ items: { tenant: string }[] }>("/v1/tenants", { query: { limit: 200 }, when: platform });
  return platform ? (read.data?.items.map((item) => item.tenant) ?? []) : tenants;
}

function namedBy(text: string, tenant: string | undefined): Entry[] {
  if (tenant === undefined || !CLIENT.test(text)) return [];
  const part = encodeURIComponent(text);
  if (INSTANCE.test(text))
    return [
      { title: text, kind: `Refused request of ${tenant}`, to: `${pathOf(tenant, "refusals")}?instance=${part}` },
    ];
  if (UUID.test(text))
    return [{ title: text, kind: `Notification of ${tenant}`, to: pathOf(tenant, `notifications/${part}`) }];
  return [{ title: text, kind: `Client of ${tenant}`, to: pathOf(tenant, `clients/${part}`) }];
}

function pagesLike(text: string, tenant: string | undefined): Entry[] {
  const found = [
    ...PLATFORM_PAGES.map(({ title, to }) => ({ title, kind: "Page", to })),
    ...(tenant === undefined
      ? []
      : TENANT_PAGES.map(({ title, to }) => ({ title, kind: `Page of ${tenant}`, to: pathOf(tenant, to) }))),
  ];
  return found.filter(({ title }) => title.toLowerCase().includes(text.toLowerCase()));
}

const tenantsLike = (text: string, tenants: string[]): Entry[] =>
  tenants
    .filter((name) => name.toLowerCase().includes(text.toLowerCase()))
    .map((name) => ({ title: name, kind: "Tenant", to: pathOf(name, "notifications") }));
