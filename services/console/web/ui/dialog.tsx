import { useEffect, useId, useRef, type ReactNode } from "react";

interface Props {
  title: string;
  children: ReactNode;
  onClose: () => void;
  className?: string;
  /** The palette has no visible title. */
  titled?: boolean;
}

/** The browser's own modal dialog: it traps the focus, and Escape closes it. */
export function Dialog({ title, children, onClose, className = "", titled = true }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      className={className}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === element.current && onClose()}
    >
      <div className={titled ? "dialog" : ""}>
        <h2 id={id} className={titled ? "" : "hidden"}>
          {title}
        </h2>
        {children}
      </div>
    </dialog>
  );
}
