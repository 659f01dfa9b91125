/** `--speed N`: how many times faster than recorded, or as fast as can be. */
export function speed(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const value = Number(text);
  if (!(value > 0 && value <= 10_000)) throw new Error('must be max or a number above 0, at most 10,000');
  return value;
}
