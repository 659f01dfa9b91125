/** A producer's process that saves states of times 1 to 30: one symbol of its own, one that all share. */
import { fileStore } from '../../../producer/state/file-store.ts';

const [folder, name] = process.argv.slice(2);
const store = fileStore({ folder: folder!, log: () => {} });
for (let receivedMs = 1; receivedMs <= 30; receivedMs += 1) {
  const rest = { receivedMs, lastUpdateId: receivedMs, sessionId: name!, clean: false };
  await store.save('binance.us', [
    { symbol: `OWN-${name}`, ...rest },
    { symbol: 'SHARED', ...rest },
  ]);
}
