import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { signOut, useSession } from "#api/session.ts";
import { Button } from "#ui/button.tsx";
import { Icon } from "./icon.tsx";
import { pathOf, PLATFORM_PAGES, TENANT_PAGES, type PageLink } from "./pages.ts";
import { applyTheme, chosenTheme, THEMES } from "./theme.ts";

interface Props {
  tenant: string | undefined;
  open: boolean;
  onSearch: () => void;
  onTenants: () => void;
}

export function Navigation({ tenant, open, onSearch, onTenants }: Props) {
  const { subject, platform, scopes } = useSession();
  const shown = PLATFORM_PAGES.filter((page) => platform || page.platform !== true);
  return (
    <aside className="side" id="navigation" data-open={open}>
      <Brand />
      <button type="button" className="switch" onClick={onSearch}>
        <span className="row">
          <Icon name="search" /> Search
        </span>
        <kbd>/</kbd>
      </button>
      <nav aria-label="Pages">
        <div>
          <h2>Platform</h2>
          <Links pages={shown} of={(page) => page} />
        </div>
        <div>
          <h2>Tenant</h2>
          <button type="button" className="switch" onClick={onTenants}>
            <span>{tenant ?? "Choose a tenant"}</span>
            <span aria-hidden="true">⌄</span>
            <span className="hidden">Switch tenant</span>
          </button>
          {tenant !== undefined && <Links pages={TENANT_PAGES} of={(page) => pathOf(tenant, page)} />}
        </div>
      </nav>
      <div className="side-end">
        <ThemeChoice />
        <div className="person">
          <span title={`${subject}: ${scopes.join(", ")}`}>{subject}</span>
          <Button
            tone="quiet"
            className="icon-button"
            aria-label="Sign out"
            title="Sign out"
            onClick={() => void signOut()}
          >
            <Icon name="out" />
          </Button>
        </div>
      </div>
    </aside>
  );
}

function Links({ pages, of }: { pages: PageLink[]; of: (to: string) => string }) {
  return (
    <ul>
      {pages.map(({ to, title, icon }) => (
        <li key={to}>
          <Link to={of(to)} activeOptions={{ exact: to === "/", includeSearch: false }}>
            <Icon name={icon} />
            {title}
          </Link>
        </li>
      ))}
    </ul>
  );
}

function ThemeChoice() {
  const [theme, setTheme] = useState(chosenTheme);
  return (
    <fieldset className="segments">
      <legend className="hidden">Theme</legend>
      {THEMES.map((one) => (
        <label key={one}>
          <input
            type="radio"
            name="theme"
            checked={one === theme}
            onChange={() => {
              applyTheme(one);
              setTheme(one);
            }}
          />
          {one}
        </label>
      ))}
    </fieldset>
  );
}

export function Brand() {
  return (
    <Link to="/" className="brand">
      <img src="/icon.svg" alt="" />
      SaaSaparilla
    </Link>
  );
}
