/**
 * Where the local Firehose and STS are asked, on 127.0.0.1: Firehose's operations on delivery streams (AWS JSON 1.1) and
 * STS's `GetCallerIdentity` (AWS query), by which a client tells what runs and as whom.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { LOCAL_ACCOUNT } from './environment.ts';
import { answer, type ServedStream } from './firehose/operations.ts';
import { FirehoseError } from './firehose/record.ts';

/** PutRecordBatch's 4 MiB in base64, and its JSON. */
const MAX_REQUEST_BYTES = 6 * 1024 * 1024;
const FIREHOSE_TARGET = /^Firehose_20150804\.(\w+)$/;
const STS_XMLNS = 'https://sts.amazonaws.com/doc/2011-06-15/';

export interface ControlOptions {
  readonly deliveryStreams: readonly ServedStream[];
  readonly log: (line: string) => void;
}

export interface Control {
  /** Of Firehose and of STS. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: 'application/x-amz-json-1.1' | 'text/xml';
  readonly body: string;
}

/** @throws DL_PORT_IN_USE where no port can be had */
export async function startControl({ deliveryStreams, log }: ControlOptions): Promise<Control> {
  const server = createServer((request, response) => {
    respond(request, response, deliveryStreams).catch((error) => {
      log(`a request to the local services failed: ${reasonOf(error)}`);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `the local Firehose cannot listen on 127.0.0.1: ${reasonOf(cause)}`;
      reject(new DepthlakeError('DL_PORT_IN_USE', message, { cause }));
    });
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  streams: readonly ServedStream[],
): Promise<void> {
  // A length is what every SDK sends, and the parser holds the body to it.
  const length = request.headers['content-length'];
  if (length === undefined || Number(length) > MAX_REQUEST_BYTES) {
    response.writeHead(length === undefined ? 411 : 413, { connection: 'close' }).end();
    return;
  }
  const body = await text(request);
  const target = request.headers['x-amz-target'];
  const { status, type, body: answered } = target === undefined ? sts(body) : firehose(String(target), body, streams);
  response.writeHead(status, { 'content-type': type, 'x-amzn-requestid': randomUUID() });
  response.end(answered);
}

function firehose(target: string, body: string, streams: readonly ServedStream[]): Answer {
  const operation = FIREHOSE_TARGET.exec(target)?.[1] ?? target;
  try {
    return json(200, answer(operation, inputOf(body), streams));
  } catch (error) {
    if (!(error instanceof FirehoseError)) throw error;
    const { name, message } = error;
    return json(name === 'ServiceUnavailableException' ? 503 : 400, { __type: name, message });
  }
}

function inputOf(body: string): Readonly<Record<string, unknown>> {
  try {
    const input: unknown = JSON.parse(body);
    if (typeof input === 'object' && input !== null) return input as Record<string, unknown>;
  } catch {
    // Refused below, as what is no object is.
  }
  throw new FirehoseError('SerializationException', 'the body is no JSON object');
}

/** The protocol's times are epoch seconds. */
function json(status: number, value: object): Answer {
  const body = JSON.stringify(value, function (this: Record<string, unknown>, key, shown: unknown) {
    const given = this[key];
    return given instanceof Date ? given.getTime() / 1000 : shown;
  });
  return { status, type: 'application/x-amz-json-1.1', body };
}

function sts(body: string): Answer {
  const action = new URLSearchParams(body).get('Action');
  const id = `<RequestId>${randomUUID()}</RequestId>`;
  if (action !== 'GetCallerIdentity') {
    const error = '<Type>Sender</Type><Code>InvalidAction</Code><Message>only GetCallerIdentity is known</Message>';
    return xml(400, `<ErrorResponse xmlns="${STS_XMLNS}"><Error>${error}</Error>${id}</ErrorResponse>`);
  }
  const arn = `arn:aws:iam::${LOCAL_ACCOUNT}:user/local`;
  const result = `<Arn>${arn}</Arn><UserId>local</UserId><Account>${LOCAL_ACCOUNT}</Account>`;
  const parts = `<GetCallerIdentityResult>${result}</GetCallerIdentityResult><ResponseMetadata>${id}</ResponseMetadata>`;
  return xml(200, `<GetCallerIdentityResponse xmlns="${STS_XMLNS}">${parts}</GetCallerIdentityResponse>`);
}

function xml(status: number, body: string): Answer {
  return { status, type: 'text/xml', body };
}
