/* What tests ask of a program's own HTTP. */

/* Its address, once it serves. */
export async function addressOf(program) {
  const line = await program.untilLine(/msg="serving HTTP" address=/);
  return /address="?([^" ]+)/.exec(line)[1];
}

/* {status, type, text} of a GET. */
export async function get(url, options = {}) {
  const answer = await fetch(url, options);
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
}

/* Map of 'name{labels}' to value. */
export async function metricsOf(url) {
  const { status, text } = await get(`${url}/metrics`);
  if (status !== 200) throw new Error(`/metrics answered ${status}: ${text}`);
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}
