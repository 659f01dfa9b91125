/**
 * Stands in front of the local Kinesis and does what the service does on a bad day: refuses entries, fails calls, lets
 * them hang, cuts connections. What it refuses it does not pass on.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Random } from '../../infra/local/exchange/random.ts';

/** Probabilities from 0 to 1, drawn for each entry or each call. */
export interface KinesisFaults {
  /** An entry of PutRecords is refused with ProvisionedThroughputExceededException. */
  refuseEntries: number;
  /** A call is answered with HTTP 500. */
  failCalls: number;
  /** The connection is cut before the call reaches Kinesis. */
  cutCalls: number;
  /** The connection is cut after Kinesis accepted the call: the producer cannot know, and sends it again. */
  cutAnswers: number;
  /** A call gets no answer and does not reach Kinesis. */
  hangCalls: number;
}

export const NO_KINESIS_FAULTS: KinesisFaults = {
  refuseEntries: 0,
  failCalls: 0,
  cutCalls: 0,
  cutAnswers: 0,
  hangCalls: 0,
};

export interface KinesisProxy {
  readonly endpoint: string;
  /** May be changed at any time. */
  readonly faults: KinesisFaults;
  /** How often each fault befell a call or an entry. */
  readonly befallen: Readonly<Record<keyof KinesisFaults, number>>;
  /** Entries that Kinesis accepted although the producer was not told. */
  readonly acceptedUntold: () => number;
  close(): Promise<void>;
}

interface Call {
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

interface PutRecordsAnswer {
  FailedRecordCount: number;
  Records: object[];
}

const REFUSED = { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded for shard' };

export async function startKinesisProxy(
  upstream: string,
  given: Partial<KinesisFaults>,
  random: Random,
): Promise<KinesisProxy> {
  const faults = { ...NO_KINESIS_FAULTS, ...given };
  const befallen = { ...NO_KINESIS_FAULTS };
  let acceptedUntold = 0;
  const befalls = (fault: keyof KinesisFaults) => {
    const drawn = random.chance(faults[fault]);
    if (drawn) befallen[fault] += 1;
    return drawn;
  };

  const put = async (call: Call): Promise<Answer> => {
    const asked = JSON.parse(call.body.toString()) as { Records: object[] };
    const refused = asked.Records.map(() => befalls('refuseEntries'));
    const kept = asked.Records.filter((_, i) => !refused[i]);
    const accepted: PutRecordsAnswer = { FailedRecordCount: 0, Records: [] };
    if (kept.length > 0) {
      const answer = await forward(upstream, {
        ...call,
        body: Buffer.from(JSON.stringify({ ...asked, Records: kept })),
      });
      if (answer.status !== 200) return answer;
      Object.assign(accepted, JSON.parse(answer.body.toString()));
    }
    const Records = refused.map((isRefused) => (isRefused ? REFUSED : accepted.Records.shift()!));
    const FailedRecordCount = accepted.FailedRecordCount + asked.Records.length - kept.length;
    return { status: 200, body: Buffer.from(JSON.stringify({ FailedRecordCount, Records })) };
  };

  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    const call = await readCall(incoming);
    if (!call.target.endsWith('.PutRecords')) return reply(response, await forward(upstream, call));
    if (befalls('hangCalls')) return;
    if (befalls('cutCalls')) return void response.destroy();
    if (befalls('failCalls')) {
      return reply(response, { status: 500, body: Buffer.from('{"__type":"InternalFailureException"}') });
    }
    const answer = await put(call);
    if (!befalls('cutAnswers')) return reply(response, answer);
    const { Records } = JSON.parse(answer.body.toString()) as PutRecordsAnswer;
    acceptedUntold += Records.filter((entry) => 'SequenceNumber' in entry).length;
    response.destroy();
  };

  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    befallen,
    acceptedUntold: () => acceptedUntold,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readCall(incoming: IncomingMessage): Promise<Call> {
  return { target: String(incoming.headers['x-amz-target']), headers: incoming.headers, body: await bytesOf(incoming) };
}

function forward(upstream: string, { headers, body }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(upstream);
    const { 'content-length': _, 'transfer-encoding': __, ...kept } = headers;
    const outgoing = request(
      { hostname, port, method: 'POST', headers: { ...kept, 'content-length': body.length } },
      (response) => {
        bytesOf(response).then((bytes) => resolve({ status: response.statusCode ?? 500, body: bytes }), reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function reply(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'content-length': body.length });
  response.end(body);
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
