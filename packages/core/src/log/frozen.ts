/** A value of JSON that cannot be changed any more: several readers share it. */
export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const nested of Object.values(value)) frozen(nested);
  return Object.freeze(value);
}
