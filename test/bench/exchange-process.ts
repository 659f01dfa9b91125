/**
 * The local exchange in a process of its own, so that its work is not measured with anybody else's. As a child it sends
 * its addresses, and it ends with its parent.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ExchangeOptions, startExchange } from '../../infra/local/exchange.ts';

export interface ExchangeProcess {
  readonly pid: number;
  readonly wsUrl: string;
  readonly restUrl: string;
  stop(): void;
}

type Addresses = Pick<ExchangeProcess, 'wsUrl' | 'restUrl'>;
/** What can be handed to another process. */
type PlainOptions = Pick<ExchangeOptions, 'symbols' | 'frameIntervalMs' | 'weightAMinute' | 'bookLevels'>;

const FILE = fileURLToPath(import.meta.url);

export function forkExchange(options: PlainOptions): Promise<ExchangeProcess> {
  const child = fork(FILE, [JSON.stringify(options)], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('message', (addresses: Addresses) => {
      resolve({ ...addresses, pid: child.pid!, stop: () => void child.disconnect() });
    });
    child.once('error', reject);
    child.once('exit', (status) => reject(new Error(`the exchange ended with status ${status}`)));
  });
}

if (process.argv[1] === FILE) {
  process.on('disconnect', () => process.exit());
  const { wsUrl, restUrl } = await startExchange(JSON.parse(process.argv[2]!) as PlainOptions);
  process.send!({ wsUrl, restUrl } satisfies Addresses);
}
