/** Avro types of the data contract in words. */

/** `long`, `array<array<double>>`; a `?` where null is allowed. */
export function typeText(type: unknown): string {
  if (Array.isArray(type)) {
    const branches = type.filter((branch) => branch !== 'null').map(typeText);
    return `${branches.join(' | ')}${branches.length < type.length ? '?' : ''}`;
  }
  if (typeof type !== 'object' || type === null) return String(type);
  const { items, name, type: kind } = type as { items?: unknown; name?: string; type?: unknown };
  return items === undefined ? String(name ?? kind) : `array<${typeText(items)}>`;
}
