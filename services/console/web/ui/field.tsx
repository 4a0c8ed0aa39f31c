import { useId, type ReactNode } from "react";

interface Named {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

/** A control with its label, its hint and what is wrong with it. */
export function Field({
  label,
  hint,
  wrong,
  children,
}: {
  label: string;
  hint?: ReactNode;
  wrong?: string | undefined;
  children: (named: Named) => ReactNode;
}) {
  const id = useId();
  const described = hint !== undefined || wrong !== undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        ...(described && { "aria-describedby": `${id}-hint` }),
        ...(wrong !== undefined && { "aria-invalid": true }),
      })}
      {described && (
        <span id={`${id}-hint`} className={wrong === undefined ? "hint" : "wrong"}>
          {wrong ?? hint}
        </span>
      )}
    </div>
  );
}

export function TextField({
  label,
  hint,
  wrong,
  onText,
  ...rest
}: {
  label: string;
  hint?: ReactNode;
  wrong?: string | undefined;
  value: string;
  placeholder?: string;
  required?: boolean;
  disabled?: boolean;
  type?: string;
  min?: number;
  max?: number;
  autoFocus?: boolean;
  onText: (text: string) => void;
}) {
  return (
    <Field label={label} hint={hint} wrong={wrong}>
      {(named) => (
        <input
          autoComplete="off"
          spellCheck={false}
          {...named}
          {...rest}
          onChange={({ target }) => onText(target.value)}
        />
      )}
    </Field>
  );
}
