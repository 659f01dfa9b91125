/** Names that SQL can say. */

/** Project and stack joined by underscores: a Glue database and what lies in it may hold lower case, digits and `_` alone. */
export function sqlName(...parts: readonly string[]): string {
  return parts
    .join('_')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
}
