import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createKinesisClient, putPacks } from '../../../producer/stream/kinesis.ts';
import { pack } from './writing.ts';

/** A Kinesis on loopback that gives every call the same answer, and counts the calls. */
async function kinesis(status: number, body: object) {
  const state = { calls: 0 };
  const server = createServer((request, response) => {
    state.calls += 1;
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = createKinesisClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  return { state, put: putPacks(client, 'depthlake') };
}

test('a call that fails as a whole is sent once: the SDK does not send accepted entries again', async () => {
  const { state, put } = await kinesis(500, { __type: 'InternalFailure', message: 'out of order' });

  await expect(put([pack(0, 0)])).rejects.toThrow();

  expect(state.calls).toBe(1);
});

test('each entry has the outcome that the service gave it, and one without an answer is not accepted', async () => {
  const { put } = await kinesis(200, {
    FailedRecordCount: 1,
    Records: [{ SequenceNumber: '1', ShardId: 'shardId-0' }, { ErrorCode: 'ProvisionedThroughputExceededException' }],
  });

  const outcomes = await put([pack(0, 0), pack(1, 0), pack(2, 0)]);

  expect(outcomes).toEqual([null, 'ProvisionedThroughputExceededException', 'no answer for this entry']);
});
