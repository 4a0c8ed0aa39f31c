import { Outlet, useLocation } from "@tanstack/react-router";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Button } from "#ui/button.tsx";
import { Icon } from "./icon.tsx";
import { KeysDialog, useKeys } from "./keys.tsx";
import { Brand, Navigation } from "./navigation.tsx";
import { Palette } from "./palette.tsx";
import { useTenant } from "./tenant.ts";

type Open = "search" | "tenants" | "keys" | "navigation" | undefined;

export function Shell(): ReactNode {
  const tenant = useTenant();
  const [open, setOpen] = useState<Open>();
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const close = (): void => setOpen(undefined);
  useKeys(tenant, { search: () => setOpen("search"), help: () => setOpen("keys") });
  // After a move, a screen reader and the Tab key begin at the new page.
  useEffect(() => {
    setOpen(undefined);
    main.current?.focus({ preventScroll: true });
  }, [pathname]);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="bar">
        <Button
          tone="quiet"
          className="icon-button"
          aria-label="Menu"
          aria-expanded={open === "navigation"}
          aria-controls="navigation"
          onClick={() => setOpen("navigation")}
        >
          <Icon name="menu" />
        </Button>
        <Brand />
        <Button tone="quiet" className="icon-button" aria-label="Search" onClick={() => setOpen("search")}>
          <Icon name="search" />
        </Button>
      </header>
      <Navigation
        tenant={tenant}
        open={open === "navigation"}
        onSearch={() => setOpen("search")}
        onTenants={() => setOpen("tenants")}
      />
      {open === "navigation" && <button type="button" className="veil" aria-label="Close the menu" onClick={close} />}
      <main className="main" id="main" ref={main} tabIndex={-1}>
        <Outlet />
      </main>
      {open === "search" && <Palette tenant={tenant} onClose={close} />}
      {open === "tenants" && <Palette tenant={tenant} only="tenants" onClose={close} />}
      {open === "keys" && <KeysDialog onClose={close} />}
    </div>
  );
}
