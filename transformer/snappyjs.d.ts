declare module 'snappyjs' {
  export function compress(bytes: Uint8Array): Uint8Array;
  const snappy: { compress: typeof compress };
  export default snappy;
}
