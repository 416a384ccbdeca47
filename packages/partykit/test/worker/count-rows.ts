/** The same object state, which tells of every row written: statements with their indexes, and alarms. */
export function countRows(ctx: DurableObjectState, onWrite: (rows: number) => void): DurableObjectState {
  const { storage } = ctx;
  const sql = override(storage.sql, {
    exec: (text: string, ...values: unknown[]) => {
      const cursor = storage.sql.exec(text, ...values);
      onWrite(cursor.rowsWritten);
      return cursor;
    },
  });
  const setAlarm = (at: number): Promise<void> => {
    onWrite(1);
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
