/** Stands in front of the local Kinesis and lets the next calls of a kind meet a bad day; all others pass. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Fault =
  /** Answered so, with HTTP 400 or what is said, and not passed on. */
  | { readonly refuse: string; readonly status?: number }
  /** The connection is cut, before the call is passed on, or so long after the first bytes of its answer. */
  | { readonly cut: 'call' | number }
  | 'pass';

export interface FaultProxy {
  readonly endpoint: string;
  /** One for each of the next calls of a kind: GetRecords, SubscribeToShard, ... */
  next(action: string, ...faults: Fault[]): void;
  /** Calls of a kind so far. */
  calls(action: string): number;
  /** Faults that have not met a call yet. */
  readonly waiting: number;
  close(): Promise<void>;
}

export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const faults = new Map<string, Fault[]>();
  const counts = new Map<string, number>();
  const { hostname, port } = new URL(upstream);

  const pass = (incoming: IncomingMessage, body: Buffer, response: ServerResponse, cutMs: number | null) => {
    const outgoing = request({ hostname, port, method: 'POST', headers: incoming.headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
      if (cutMs === null) return;
      answer.once('data', () => setTimeout(() => response.destroy(), cutMs));
    });
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    outgoing.end(body);
  };

  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const action = String(incoming.headers['x-amz-target']).split('.')[1]!;
    counts.set(action, (counts.get(action) ?? 0) + 1);
    const fault = faults.get(action)?.shift() ?? 'pass';
    if (fault !== 'pass' && 'refuse' in fault) {
      response.writeHead(fault.status ?? 400, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify({ __type: fault.refuse, message: 'as the test wants it' }));
      return;
    }
    if (fault !== 'pass' && fault.cut === 'call') return void response.destroy();
    pass(incoming, Buffer.concat(chunks), response, fault === 'pass' ? null : (fault.cut as number));
  };

  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: (action, ...more) => void faults.set(action, [...(faults.get(action) ?? []), ...more]),
    calls: (action) => counts.get(action) ?? 0,
    get waiting() {
      return [...faults.values()].flat().length;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
