import { useState, type ReactNode } from "react";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { ProblemView } from "./problem-view.tsx";

interface Props {
  /** The button's text, and the dialog's. */
  label: string;
  title: string;
  /** What will happen, and how many are affected. */
  children: ReactNode;
  /** Runs once. A thrown problem is shown in the dialog. */
  run: () => Promise<unknown>;
  tone?: "primary" | "danger";
  disabled?: boolean;
}

/** A button whose effect is explained and asked for once. */
export function Confirm({ label, title, children, run, tone = "danger", disabled = false }: Props) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const confirm = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await run();
      setOpen(false);
    } catch (thrown) {
      setError(thrown);
    }
    setBusy(false);
  };
  return (
    <>
      <Button tone={tone === "danger" ? "danger" : "plain"} disabled={disabled} onClick={() => setOpen(true)}>
        {label}
      </Button>
      {open && (
        <Dialog title={title} onClose={() => setOpen(false)}>
          <div className="stack">{children}</div>
          {error !== undefined && <ProblemView error={error} />}
          <footer>
            <Button onClick={() => setOpen(false)} autoFocus>
              Cancel
            </Button>
            <Button tone={tone} busy={busy} onClick={() => void confirm()}>
              {label}
            </Button>
          </footer>
        </Dialog>
      )}
    </>
  );
}
