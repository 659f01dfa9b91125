/**
 * Stands between the producer and Kinesis, passes every call on as it is, and tells which packs were accepted and when:
 * so the latency of rows is known to the millisecond, and nothing has to be added to the producer.
 */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AcceptedPack {
  /** When the answer left for the producer, UTC epoch ms. */
  readonly acceptedMs: number;
  /** The bytes of the Kinesis record. */
  readonly data: Buffer;
}

export interface KinesisTap {
  readonly endpoint: string;
  close(): Promise<void>;
}

/** @param onAccepted called after the answer has left */
export async function startKinesisTap(upstream: string, onAccepted: (pack: AcceptedPack) => void): Promise<KinesisTap> {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(upstream);

  const pass = async (incoming: IncomingMessage, response: ServerResponse) => {
    const asked = await bytesOf(incoming);
    const { method, url, headers } = incoming;
    const outgoing = request({ agent, hostname, port, method, path: url, headers });
    outgoing.end(asked);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const answered = await bytesOf(answer);
    const statusCode = answer.statusCode ?? 500;
    response.writeHead(statusCode, answer.headers).end(answered);
    const acceptedMs = Date.now();
    if (statusCode !== 200 || !String(headers['x-amz-target']).endsWith('.PutRecords')) return;
    setImmediate(() => {
      for (const data of acceptedOf(asked, answered)) onAccepted({ acceptedMs, data });
    });
  };

  const server = createServer((incoming, response) => {
    pass(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        agent.destroy();
      }),
  };
}

/** The entries of a PutRecords call that its answer accepts. */
function acceptedOf(asked: Buffer, answer: Buffer): Buffer[] {
  const { Records: entries } = JSON.parse(asked.toString()) as { Records: { Data: string }[] };
  const { Records: outcomes } = JSON.parse(answer.toString()) as { Records: { SequenceNumber?: string }[] };
  return entries
    .filter((_, i) => outcomes[i]?.SequenceNumber !== undefined)
    .map(({ Data }) => Buffer.from(Data, 'base64'));
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
