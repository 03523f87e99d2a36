// Cancels a job that is active, from the application that added it. Works with Bull's and BullMQ's
// queues alike: it publishes on a channel that Cartrita's daemons hear, and leaves nothing behind.
//
//   const heard = await cancelJob(queue, job.id, 'the user has left');
//
// `heard` is how many daemons serve the queue; 0: only a Node worker can have the job, and those
// cannot be told to stop. The job then fails, without another attempt, with the reason
// "cancelled: the user has left".
export async function cancelJob(queue, id, reason) {
  const client = await queue.client;
  return client.publish(queue.toKey('cancel'), JSON.stringify({ id: String(id), reason }));
}
