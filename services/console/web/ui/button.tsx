import type { ComponentProps } from "react";

interface Props extends ComponentProps<"button"> {
  tone?: "plain" | "primary" | "danger" | "quiet";
  busy?: boolean;
}

export function Button({ tone = "plain", busy = false, disabled, className = "", ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      className={`button ${className}`}
      data-tone={tone}
      disabled={disabled === true || busy}
      aria-busy={busy}
    />
  );
}
