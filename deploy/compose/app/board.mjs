// bull-board on the application's queues, on PORT (3000). It has no sign-in: put one in front.
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import express from 'express';

import { openQueues } from './queues.mjs';

const queues = openQueues();
const serverAdapter = new ExpressAdapter();
createBullBoard({ queues: queues.map((queue) => new BullMQAdapter(queue)), serverAdapter });
const server = express()
  .use('/', serverAdapter.getRouter())
  .listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '0.0.0.0', () => console.log(`board on ${server.address().port}`));
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  Promise.all(queues.map((queue) => queue.close())).finally(() => process.exit(0));
});
