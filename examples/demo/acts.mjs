// What the demo asks of each queue, with an unmodified Bull, and what must come of it. An act adds its
// jobs in start() and answers, once done() says so, what happened: {ok, text}.

const settle = (ms) => new Promise((done) => setTimeout(done, ms));
const states = async (jobs) => Promise.all(jobs.map((job) => job.getState()));
const fresh = async (queue, jobs) => Promise.all(jobs.map((job) => queue.getJob(job.id)));
const count = (list, value) => list.filter((entry) => entry === value).length;

// Jobs that end by themselves: done when each has completed or failed.
class Act {
  constructor(queue) {
    this.queue = queue;
    this.jobs = [];
  }

  async add(name, data, options) {
    const job = await this.queue.add(name, data, options);
    this.jobs.push(job);
    return job;
  }

  async done() {
    return (await states(this.jobs)).every((state) => state === 'completed' || state === 'failed');
  }

  async tally() {
    const all = await states(this.jobs);
    return { completed: count(all, 'completed'), failed: count(all, 'failed') };
  }
}

class Mails extends Act {
  asks = '10 mails through a Node child: one refused at first, one refused always';

  async start() {
    const options = { attempts: 3, backoff: { type: 'exponential', delay: 150 } };
    const mail = (to) => this.add('welcome', { type: 'welcome', data: { to } }, options);
    for (const who of ['ada', 'alan', 'barbara', 'donald', 'edsger', 'grace', 'ken', 'leslie']) await mail(`${who}@example.org`);
    this.flaky = await mail('flaky@example.org');
    this.nobody = await mail('nobody@example.org');
  }

  async outcome() {
    const { completed, failed } = await this.tally();
    const [flaky, nobody] = await fresh(this.queue, [this.flaky, this.nobody]);
    const { logs } = await this.queue.getJobLogs(this.flaky.id);
    return {
      ok:
        completed === 9 && failed === 1 && flaky.attemptsMade === 1 && nobody.attemptsMade === 3 &&
        /^550 /.test(nobody.failedReason) && logs.join() === 'sent to flaky@example.org' && flaky.progress() === 50,
      text: `${completed} sent, ${failed} failed after ${nobody.attemptsMade} attempts: ${nobody.failedReason}`,
    };
  }
}

class Pictures extends Act {
  asks = '6 pictures; one crashes its process once, one always, one hangs';

  async start() {
    const picture = (operation, more, options) =>
      this.add(operation, { operation, imageUrl: 'cat.png', options: {}, ...more }, options);
    this.good = [];
    for (let i = 0; i < 3; i++) this.good.push(await picture('resize'));
    this.once = await picture('crash', { once: true }, { attempts: 2, backoff: 200 });
    this.always = await picture('crash', {}, { attempts: 1 });
    this.hang = await picture('hang', {}, { attempts: 1, timeout: 800 });
    for (let i = 0; i < 3; i++) this.good.push(await picture('resize'));
  }

  async outcome() {
    const { completed, failed } = await this.tally();
    const [once, always, hang] = await fresh(this.queue, [this.once, this.always, this.hang]);
    const good = await fresh(this.queue, this.good);
    return {
      ok:
        completed === 7 && failed === 2 && once.attemptsMade === 1 && /SIGSEGV/.test(always.failedReason) &&
        /timed out after 800/.test(hang.failedReason) && good.every((job) => job.attemptsMade === 0),
      text: `${completed} done, none of them charged for others; "${always.failedReason}"; "${hang.failedReason}"`,
    };
  }
}

class Events extends Act {
  asks = '100 events in one addBulk';

  async start() {
    this.seen = [];
    this.queue.on('global:completed', (id) => this.seen.push(id));
    this.jobs = await this.queue.addBulk(
      Array.from({ length: 100 }, (_, n) => ({
        name: 'page-view',
        data: { eventType: 'page-view', data: { n }, userId: n },
      })),
    );
  }

  async outcome() {
    const { completed } = await this.tally();
    const distinct = new Set(this.seen).size;
    return {
      ok: completed === 100 && this.seen.length === 100 && distinct === 100,
      text: `${completed} completed, each told of once`,
    };
  }
}

class Notifications extends Act {
  asks = '50 messages through a shell script, at most 20 a second';

  async start() {
    this.jobs = await this.queue.addBulk(
      Array.from({ length: 50 }, (_, n) => ({
        name: 'push',
        data: { type: 'push', recipient: `user${n}`, message: 'hello' },
      })),
    );
  }

  async outcome() {
    const { completed } = await this.tally();
    const starts = (await fresh(this.queue, this.jobs)).map((job) => job.processedOn).sort((a, b) => a - b);
    const took = starts.at(-1) - starts[0];
    // Windows of a second, 20 in each: the 41st may start two windows behind the first.
    return { ok: completed === 50 && took >= 1900, text: `${completed} delivered, spread over ${(took / 1000).toFixed(1)} s` };
  }
}

class Cleanups extends Act {
  asks = 'a task each second and one by cron, until removed';

  async start() {
    this.begin = Date.now();
    this.ran = { every: 0, cron: 0 };
    this.queue.on('global:completed', async (id) => {
      const job = await this.queue.getJob(id);
      if (job) this.ran[job.name] = (this.ran[job.name] ?? 0) + 1;
    });
    const data = { task: 'sessions', parameters: { olderThanDays: 30 } };
    await this.queue.add('every', data, { repeat: { every: 1000 } });
    await this.queue.add('cron', data, { repeat: { cron: '*/2 * * * * *' } });
  }

  async done() {
    if (!this.isRemoved && this.ran.every >= 4 && this.ran.cron >= 2) {
      this.isRemoved = true;
      for (const { key } of await this.queue.getRepeatableJobs()) await this.queue.removeRepeatableByKey(key);
      await settle(100);
      this.atRemoval = { ...this.ran };
      this.removedAt = Date.now();
    }
    // Long enough for one that should not come to come.
    return this.isRemoved === true && Date.now() - this.removedAt > 1500;
  }

  async outcome() {
    const late = this.ran.every + this.ran.cron - (this.atRemoval?.every ?? 0) - (this.atRemoval?.cron ?? 0);
    const left = await this.queue.getRepeatableCount();
    return {
      ok: this.isRemoved === true && late <= 1 && left === 0,
      text: `ran ${this.ran.every} times and ${this.ran.cron} times by cron; ${left} series left`,
    };
  }

  async tally() {
    return { completed: this.ran.every + this.ran.cron, failed: 0 };
  }
}

class Workflow extends Act {
  asks = 'steps delayed by 0.5, 1.5 and 2.5 s';

  async start() {
    for (const delay of [500, 1500, 2500])
      await this.add('step', { workflowId: 'w1', stepId: `after-${delay}`, data: {} }, { delay });
  }

  async outcome() {
    const { completed } = await this.tally();
    const late = (await fresh(this.queue, this.jobs)).map((job, i) => job.processedOn - this.jobs[i].timestamp - this.jobs[i].opts.delay);
    return {
      ok: completed === 3 && late.every((ms) => ms >= 0 && ms < 1000),
      text: `${completed} ran, ${late.join(', ')} ms after their time`,
    };
  }
}

class Alerts extends Act {
  asks = '12 alerts of mixed priority, added while the queue was paused';

  async start() {
    await this.queue.pause();
    for (let n = 0; n < 12; n++) {
      const priority = [3, 1, 2][n % 3];
      await this.add('alert', { eventType: 'login', severity: ['low', 'high', 'medium'][n % 3], data: { n } }, { priority });
    }
    await settle(500);
    this.ranPaused = await this.queue.getCompletedCount();
    await this.queue.resume();
  }

  async outcome() {
    const { completed } = await this.tally();
    const jobs = await fresh(this.queue, this.jobs);
    const inOrder = jobs.every((a) => jobs.every((b) => a.opts.priority >= b.opts.priority || a.processedOn <= b.processedOn));
    return {
      ok: completed === 12 && this.ranPaused === 0 && inOrder,
      text: `${this.ranPaused} ran while paused; then ${completed}, ${inOrder ? 'the urgent ones first' : 'out of order'}`,
    };
  }
}

export const acts = {
  'email-processing': Mails,
  'image-processing': Pictures,
  'analytics-processing': Events,
  'notification-delivery': Notifications,
  'cleanup-tasks': Cleanups,
  'workflow-execution': Workflow,
  'security-monitoring': Alerts,
};
