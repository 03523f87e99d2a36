/* One queue of BullMQ with a driver of ours: every call is one commit. For the tests of commits. */

import assert from 'node:assert/strict';

import { mqQueue } from '../lib/bullmq.mjs';
import { Driver } from './bull_sides.mjs';

let prefixes = 0;

export class Bench {
  constructor(t, redis, settings = {}) {
    this.t = t;
    this.redis = redis;
    this.client = redis.client();
    this.prefix = `bench${++prefixes}`;
    this.driver = new Driver(t, redis, settings, 'q', this.prefix, 'bullmq');
    this.queue = mqQueue(t, redis, 'q', { prefix: this.prefix });
  }

  key(suffix) {
    return `${this.prefix}:q:${suffix}`;
  }

  /* Another worker on the same queue. */
  another(settings) {
    const other = Object.create(this);
    other.driver = new Driver(this.t, this.redis, settings, 'q', this.prefix, 'bullmq');
    return other;
  }

  async commit(effects = [], { fetch = 0, promote = fetch > 0, ...more } = {}) {
    const answer = await this.driver.ask({ op: 'commit', effects, fetch, promote, ...more });
    assert.equal(answer.error, undefined, answer.detail);
    answer.ids = answer.jobs.map((job) => job.id);
    answer.codes = answer.results.map((result) => result.code);
    return answer;
  }

  fetch(count = 1, more = {}) {
    return this.commit([], { fetch: count, ...more });
  }

  judge(id, reason, more = {}) {
    return this.driver.ask({ op: 'judge', id, reason, stack: `Error: ${reason}`, ...more });
  }

  job(id) {
    return this.client.hgetall(this.key(id));
  }

  list(name) {
    return this.client.lrange(this.key(name), 0, -1);
  }

  async events(from = '-') {
    const rows = await this.client.xrange(this.key('events'), from, '+');
    return rows.map(([, pairs]) => pairs.slice(1).join(' '));
  }

  /* What `work` adds to the stream. */
  async eventsOf(work) {
    const before = (await this.events()).length;
    await work();
    return (await this.events()).slice(before);
  }

  exists(suffix) {
    return this.client.exists(this.key(suffix));
  }
}
