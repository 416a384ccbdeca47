/** Rows of all statements with their indexes, and alarms. */
export interface RowCounts {
  written: number;
  /** Without those of the last statement, whose rows may be read still. */
  read: number;
}

/** The same object state, which counts the rows that it reads and writes. */
export function countRows(ctx: DurableObjectState, counts: RowCounts): DurableObjectState {
  const { storage } = ctx;
  let last: { readonly rowsRead: number } = { rowsRead: 0 };
  const sql = override(storage.sql, {
    exec: (text: string, ...values: unknown[]) => {
      counts.read += last.rowsRead;
      const cursor = storage.sql.exec(text, ...values);
      last = cursor;
      counts.written += cursor.rowsWritten;
      return cursor;
    },
  });
  const setAlarm = (at: number): Promise<void> => {
    counts.written += 1;
    return storage.setAlarm(at);
  };
  return override(ctx, { storage: override(storage, { sql, setAlarm }) });
}

/** Methods of the platform's objects know no proxy: they are called on the object itself. */
function override<T extends object>(target: T, own: Readonly<Record<string, unknown>>): T {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(own, name)) return own[name as string];
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
