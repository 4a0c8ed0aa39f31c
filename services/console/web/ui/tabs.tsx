import { Content, List, Root, Trigger } from "@radix-ui/react-tabs";
import { useEffect, useRef, type ReactNode } from "react";

export interface Tab {
  id: string;
  title: string;
  content: () => ReactNode;
}

/** Tabs whose choice is in the address, so that each can be linked to. */
export function Tabs({
  label,
  tabs,
  value,
  onValue,
}: {
  label: string;
  tabs: Tab[];
  value: string;
  onValue: (id: string) => void;
}) {
  const shown = tabs.some(({ id }) => id === value) ? value : tabs[0]!.id;
  const list = useRef<HTMLDivElement>(null);
  // On a narrow screen the list scrolls.
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [shown]);
  return (
    <Root value={shown} onValueChange={onValue} className="stack">
      <List ref={list} className="tabs" aria-label={label}>
        {tabs.map(({ id, title }) => (
          <Trigger key={id} value={id}>
            {title}
          </Trigger>
        ))}
      </List>
      {tabs.map(({ id, content }) => (
        <Content key={id} value={id} tabIndex={-1} className="stack">
          {id === shown && content()}
        </Content>
      ))}
    </Root>
  );
}
