/* Profiles of cartrita-q, and passwords that are not on a command line. */

import assert from 'node:assert/strict';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { runProgram } from '../lib/processes.mjs';
import { freePort, startRedis, temporaryDirectory } from '../lib/redis.mjs';

const PASSWORD = 'se:cr/et %@1';

/* A user's home with a file of profiles; q(args, env) runs there. */
async function home(t) {
  const dir = await temporaryDirectory(t);
  const file = join(dir, '.config', 'cartrita', 'q.yaml');
  await mkdir(join(dir, '.config', 'cartrita'), { recursive: true });
  return {
    dir,
    file,
    async write(text, mode = 0o600) {
      await writeFile(file, text);
      await chmod(file, mode);
    },
    async q(args, env = {}) {
      const { code, stdout, lines } = await runProgram(t, 'cartrita-q', args, {
        env: { HOME: dir, XDG_CONFIG_HOME: '', CARTRITA_REDIS_URL: '', REDIS_URL: '', ...env },
      });
      return { code, stdout, stderr: lines.join('\n') };
    },
  };
}

const names = ({ code, stdout, stderr }) => {
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).map(({ prefix, name }) => `${prefix}/${name}`);
};

test('which profile: named beats the environment, that the default; a flag beats all', async (t) => {
  const side = await home(t);
  const [one, two] = [await startRedis(t), await startRedis(t)];
  await bullQueue(t, one, 'one').add({});
  await bullQueue(t, one, 'mine', { prefix: 'acme' }).add({});
  await bullQueue(t, two, 'two').add({});
  const ls = ['queue', 'ls', '-o', 'json'];
  await side.write(`default: two
profiles:
  one: {redis: "${one.url}"}
  acme: {redis: "${one.url}", prefix: acme, output: json}
  two: {redis: "${two.url}", server: /nowhere/queued.sock}
`);

  assert.deepEqual(names(await side.q(ls)), ['bull/two']);
  assert.deepEqual(names(await side.q(ls, { REDIS_URL: one.url })), ['bull/one']);
  assert.deepEqual(names(await side.q([...ls, '--profile', 'two'], { REDIS_URL: one.url })), ['bull/two']);
  assert.deepEqual(names(await side.q(ls, { REDIS_URL: one.url, CARTRITA_PROFILE: 'two' })), ['bull/two']);
  assert.deepEqual(names(await side.q([...ls, '--profile', 'one'], { CARTRITA_PROFILE: 'two' })), ['bull/one']);
  assert.deepEqual(names(await side.q([...ls, '--profile', 'two', '--redis', one.url])), ['bull/one']);
  assert.deepEqual(names(await side.q(['queue', 'ls', '--profile', 'acme'])), ['acme/mine']);
  /* Where it is: XDG_CONFIG_HOME comes first, a relative one does not count. */
  assert.deepEqual(names(await side.q(ls, { HOME: '/nowhere', XDG_CONFIG_HOME: join(side.dir, '.config') })), ['bull/two']);
  assert.deepEqual(names(await side.q(ls, { XDG_CONFIG_HOME: 'relative' })), ['bull/two']);
  /* The server is that of the verbs that ask one. */
  assert.match((await side.q(['worker', 'ls'])).stderr, /\/nowhere\/queued\.sock/);
});

test('what is wrong with a profile is said, with its place', async (t) => {
  const side = await home(t);
  const port = await freePort();
  const refused = async (text, pattern, args = [], code = 2) => {
    await side.write(text);
    const run = await side.q(['queue', 'ls', ...args]);
    assert.equal(run.code, code, run.stderr);
    assert.match(run.stderr, pattern);
    assert.equal(run.stdout, '');
  };
  const good = `profiles:\n  prod: {redis: "redis://127.0.0.1:${port}"}\n`;

  await refused(good, /no profile "prdo" in .*q\.yaml: did you mean "prod"\?/, ['--profile', 'prdo']);
  await refused(`default: gone\n${good}`, /no profile "gone"/);
  await refused(good.replace('redis:', 'rediss:'), /q\.yaml:2:10: unknown setting 'rediss': did you mean 'redis'\?/);
  await refused('profile: {}\n', /did you mean 'profiles'\?/);
  await refused('profiles: [prod]\n', /q\.yaml:1/);
  await refused('profiles: {prod: {output: jsno}}\n', /q\.yaml:1:\d+: output: 'jsno' is not one of/, ['--profile', 'prod']);
  await refused('profiles: {prod: {', /q\.yaml/);
  await refused(good, new RegExp(`127.0.0.1:${port}`), ['--profile', 'prod'], 5);
  /* Help needs no file. */
  assert.equal((await side.q(['queue', 'ls', '--help'])).code, 0);
  await rm(side.file);
  const none = await side.q(['queue', 'ls', '--profile', 'prod']);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /no profile "prod" in .*q\.yaml/);
});

test('a password: in a file of ones own, in the environment, and on a command line not in silence', async (t) => {
  const side = await home(t);
  const redis = await startRedis(t, { password: PASSWORD });
  await bullQueue(t, redis, 'q').add({});
  const bare = redis.url.replace(/\/\/.*@/, '//');
  const url = bare.replace('//', `//:${encodeURIComponent(PASSWORD)}@`);
  const secret = join(side.dir, 'secret');
  const ls = ['queue', 'ls', '-o', 'json'];
  const silent = async (args, env) => {
    const run = await side.q(args, env);
    assert.deepEqual(names(run), ['bull/q']);
    assert.equal(run.stderr, '');
  };
  await writeFile(secret, `${PASSWORD}\nnot this line\n`);

  await silent(ls, { CARTRITA_REDIS_URL: url });
  await silent([...ls, '--redis', bare, '--redis-password-file', secret]);
  await silent([...ls, '--redis', bare.replace('//', '//default@'), '--redis-password-file', secret]);
  const warned = await side.q([...ls, '--redis', url]);
  assert.deepEqual(names(warned), ['bull/q']);
  assert.match(warned.stderr, /^warning: others can see the password .*--redis-password-file FILE$/);
  assert.ok(!warned.stderr.includes('se:cr') && !warned.stderr.includes('se%3Acr'));

  await side.write(`profiles:\n  in: {redis: "${url}"}\n  beside: {redis: "${bare}", redis-password-file: ${secret}}\n`);
  await silent([...ls, '--profile', 'in']);
  await silent([...ls, '--profile', 'beside']);
  /* The password of a profile does not go to an address that was typed. */
  assert.equal((await side.q([...ls, '--profile', 'beside', '--redis', bare])).code, 6);
  for (const mode of [0o640, 0o604]) {
    await chmod(side.file, mode);
    const run = await side.q([...ls, '--profile', 'beside']);
    assert.equal(run.code, 2);
    assert.match(run.stderr, /profile "in" has a password, and others can read the file: chmod 600/);
  }
  await side.write(`profiles:\n  beside: {redis: "${bare}", redis-password-file: ${secret}}\n`, 0o644);
  await silent([...ls, '--profile', 'beside']);
});

test('a file without a password in it', async (t) => {
  const side = await home(t);
  const secret = join(side.dir, 'secret');
  const refused = async (pattern) => {
    const run = await side.q(['queue', 'ls', '--redis-password-file', secret]);
    assert.equal(run.code, pattern.code ?? 2, run.stderr);
    assert.match(run.stderr, pattern);
  };

  await refused(/No such file/);
  await writeFile(secret, '\npassword\n');
  await refused(/its first line is empty/);
  await writeFile(secret, 'x'.repeat(5000));
  await refused(Object.assign(/may have 4096 bytes \(SECRET_BYTES_MAX\)/, { code: 1 }));
  assert.match((await side.q(['queue', 'ls', '--redis', 'redis://user@127.0.0.1:1'])).stderr, /a user but no password/);
});
