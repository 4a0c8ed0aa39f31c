import type { ReactNode } from "react";

export interface Column<Row> {
  title: string;
  /** Numbers stand at the end. */
  end?: boolean;
  cell: (row: Row) => ReactNode;
}

interface Props<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  keyOf: (row: Row) => string;
}

/** On a narrow screen each row is a card. The first column names the row. */
export function Table<Row>({ caption, columns, rows, keyOf }: Props<Row>) {
  return (
    <div className="table">
      <table>
        <caption className="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, end }) => (
              <th key={title} scope="col" className={end === true ? "end" : ""}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column, index) => (
                <Cell key={column.title} column={column} row={row} first={index === 0} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell<Row>({ column: { title, end, cell }, row, first }: { column: Column<Row>; row: Row; first: boolean }) {
  const shared = { "data-label": title, className: end === true ? "end" : "" };
  return first ? (
    <th scope="row" {...shared}>
      <span>{cell(row)}</span>
    </th>
  ) : (
    <td {...shared}>
      <div>{cell(row)}</div>
    </td>
  );
}
