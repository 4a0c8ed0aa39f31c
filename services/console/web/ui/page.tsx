import { useEffect, type ReactNode } from "react";

interface Props {
  title: ReactNode;
  /** The title of the browser's tab, if `title` is no text. */
  name?: string;
  lead?: ReactNode;
  crumbs?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, name, lead, crumbs, actions, children }: Props) {
  const tab = name ?? (typeof title === "string" ? title : "Console");
  useEffect(() => {
    document.title = `${tab} · SaaSaparilla`;
  }, [tab]);
  return (
    <div className="page">
      <header className="page-head">
        <div>
          {crumbs !== undefined && <div className="crumbs">{crumbs}</div>}
          <h1>{title}</h1>
          {lead !== undefined && <p>{lead}</p>}
        </div>
        {actions !== undefined && <div className="row">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Panel({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="panel">
      <div className="spread">
        <h2>{title}</h2>
        {actions !== undefined && <div className="row">{actions}</div>}
      </div>
      {children}
    </section>
  );
}

/** Names and values. */
export function Facts({ of }: { of: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {of.map(([name, value]) => (
        <div key={name} className="fact">
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
