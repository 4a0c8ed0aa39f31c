import { useState, type ReactNode } from "react";
import { written, type Listed } from "#api/documents.ts";
import { useRead, useWrite } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { Button } from "#ui/button.tsx";
import { Confirm } from "#ui/confirm.tsx";
import { Empty } from "#ui/empty.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Table, type Column } from "#ui/table.tsx";
import { Editor } from "./editor.tsx";

interface Props<T> {
  /** In the singular, with its article: "a grant". */
  kind: string;
  path: string;
  /** One sentence about them. */
  lead: string;
  columns: Column<T>[];
  /** The document that a new one begins with. */
  start: unknown;
  hint: ReactNode;
  empty: ReactNode;
  /** What follows when one is deleted. */
  deleting: (document: T) => ReactNode;
  /** Only operators of the platform may write some kinds. */
  allowed?: boolean;
  more?: (document: T) => ReactNode;
}

/** A list of documents of a tenant: add, change and delete. */
export function Documents<T extends { id: string }>(props: Props<T>) {
  const { kind, path, lead, columns, start, hint, empty, deleting, allowed = true, more } = props;
  const read = useRead<Listed<T>>(path);
  const may = useMay("operate") && allowed;
  const write = useWrite(path);
  const [editing, setEditing] = useState<{ document?: T }>();
  const add = (
    <Button tone="primary" disabled={!may} onClick={() => setEditing({})}>
      Add {kind}
    </Button>
  );
  const actions: Column<T> = {
    title: "Actions",
    end: true,
    cell: (document) => (
      <span className="actions">
        {more?.(document)}
        <Button disabled={!may} onClick={() => setEditing({ document })}>
          Edit
        </Button>
        <Confirm
          label="Delete"
          title={`Delete ${document.id}?`}
          disabled={!may}
          run={() => write.mutateAsync({ method: "DELETE", path: `${path}/${encodeURIComponent(document.id)}` })}
        >
          <p>{deleting(document)}</p>
        </Confirm>
      </span>
    ),
  };
  return (
    <>
      <div className="spread">
        <p className="muted">{lead}</p>
        {(read.data?.items.length ?? 0) > 0 && add}
      </div>
      <Loaded of={read}>
        {({ items, next }) => (
          <>
            {items.length === 0 ? (
              <Empty title="There is none yet" action={add}>
                {empty}
              </Empty>
            ) : (
              <Table
                caption={lead}
                keyOf={({ id }) => id}
                rows={items}
                columns={[{ title: "Id", cell: ({ id }) => <code>{id}</code> }, ...columns, actions]}
              />
            )}
            {next !== undefined && <p className="muted">There are more. The command line lists all of them.</p>}
          </>
        )}
      </Loaded>
      {editing && (
        <Editor
          kind={kind}
          path={path}
          id={editing.document?.id}
          start={editing.document === undefined ? start : written(editing.document)}
          hint={hint}
          onClose={() => setEditing(undefined)}
        />
      )}
    </>
  );
}
