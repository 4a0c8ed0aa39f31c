/** Any number of named choices. */
export function Choices({
  legend,
  choices,
  chosen,
  onChosen,
}: {
  legend: string;
  choices: Record<string, string>;
  chosen: string[];
  onChosen: (names: string[]) => void;
}) {
  return (
    <fieldset className="choices">
      <legend>{legend}</legend>
      {Object.entries(choices).map(([name, means]) => (
        <label key={name} className="check">
          <input
            type="checkbox"
            checked={chosen.includes(name)}
            onChange={({ target }) =>
              onChosen(target.checked ? [...chosen, name] : chosen.filter((other) => other !== name))
            }
          />
          <span>
            <b>{name}</b> <span className="muted">{means}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
