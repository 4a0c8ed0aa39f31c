import { useState, type ReactNode } from "react";
import { useWrite } from "#api/queries.ts";
import { Button } from "#ui/button.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { Field, TextField } from "#ui/field.tsx";
import { ProblemView } from "#ui/problem-view.tsx";

interface Props {
  /** What it is: a grant, an exchange. */
  kind: string;
  /** The path of the collection. */
  path: string;
  /** Undefined: a new one. */
  id?: string | undefined;
  start: unknown;
  hint: ReactNode;
  onClose: () => void;
}

/** Writes one document as JSON. The console checks it, and says what is wrong at which member. */
export function Editor({ kind, path, id, start, hint, onClose }: Props) {
  const [name, setName] = useState(id ?? "");
  const [text, setText] = useState(() => JSON.stringify(start, null, 2));
  const write = useWrite(path);
  const read = parsed(text);
  const submit = async (): Promise<void> => {
    await write.mutateAsync({ method: "PUT", path: `${path}/${encodeURIComponent(name)}`, body: read.value });
    onClose();
  };
  return (
    <Dialog title={id === undefined ? `Add ${kind}` : `Change ${id}`} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit().catch(() => undefined);
        }}
      >
        {id === undefined && <TextField label="Id" value={name} onText={setName} autoFocus required />}
        <Field label="Document" hint={hint} wrong={read.wrong}>
          {(named) => (
            <textarea
              {...named}
              rows={12}
              spellCheck={false}
              value={text}
              onChange={({ target }) => setText(target.value)}
            />
          )}
        </Field>
        {write.error && <ProblemView error={write.error} />}
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            tone="primary"
            busy={write.isPending}
            disabled={name === "" || read.wrong !== undefined}
          >
            Save
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}

export function parsed(text: string): { value?: unknown; wrong?: string } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { wrong: `This is no JSON: ${(error as Error).message}` };
  }
}
