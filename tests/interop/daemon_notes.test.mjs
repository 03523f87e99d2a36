/* Log lines and progress that come faster than Redis takes them: none is lost, none comes late. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { bullQueue, untilState } from '../lib/bull.mjs';
import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { frameOf, openRunner, payloadOf } from '../lib/wire.mjs';
import { startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued'), concurrency: true };
const LINES = 20_000; /* far beyond QUEUE_NOTES_MAX */
const DEADLINE_MS = 40_000;

for (const isFrozen of [false, true]) {
  test(`${LINES} log lines at once${isFrozen ? ', while Redis does not answer' : ''}`, options, async (t) => {
    const redis = await startRedis(t);
    const daemon = await startDaemon(t, redis);
    const queue = bullQueue(t, redis);
    const client = redis.client();
    const job = await queue.add({});
    const wire = await openRunner(t, daemon.server);
    const { lease } = await wire.take('job');

    if (isFrozen) redis.freeze();
    wire.raw(Buffer.concat(Array.from({ length: LINES }, (_, i) => frameOf(payloadOf('log', { lease, line: `line ${i}` })))));
    wire.send('progress', { lease, value: '100' });
    wire.send('completed', { lease, value: '1' });
    if (isFrozen) {
      /* A word from the daemon, though it reads nothing: else its runner takes it for lost. */
      await wire.take('ping', {}, { deadlineMs: 15_000 });
      redis.thaw();
    }
    assert.equal((await wire.take('ack', {}, { deadlineMs: DEADLINE_MS })).code, 0);
    await untilState(queue, job.id, 'completed');
    const lines = await client.lrange(`bull:q:${job.id}:logs`, 0, -1);
    assert.equal(lines.length, LINES);
    assert.ok(lines.every((line, i) => line === `line ${i}`));
    assert.equal((await queue.getJob(job.id)).progress(), 100);
  });
}
