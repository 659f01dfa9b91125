/** moto's server: other people's Glue and Kinesis, as a child process on loopback. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { commandOf } from './python.ts';

export interface Moto {
  readonly endpoint: string;
  stop(): Promise<void>;
}

const START_MS = 60_000;
const POLL_MS = 100;

/** @throws Error with what moto said, where it does not answer within a minute */
export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const child = spawn(commandOf('moto_server'), ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  const closed = once(child, 'close');
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async () => {
    child.kill('SIGKILL');
    await closed;
  };
  const endMs = Date.now() + START_MS;
  while (!(await answers(`${endpoint}/moto-api/data.json`))) {
    if (child.exitCode !== null || Date.now() > endMs) {
      await stop();
      throw new Error(`moto_server does not answer:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { endpoint, stop };
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
