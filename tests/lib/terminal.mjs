/* A terminal that tests type into and look at: a tmux of their own, ended with the test. */

import { execFileSync } from 'node:child_process';

import { BUILD } from './processes.mjs';
import { temporaryDirectory } from './redis.mjs';
import { guardPid, releasePid, scopeOf } from './scope.mjs';
import { until } from './wait.mjs';

function answers(program, ...args) {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/* What to say when a test is skipped; false when there is a tmux. */
export const noTerminal = answers('tmux', '-V') ? false : 'no tmux here';

/* A bash with our programs in its PATH; options: width, height, term, env. */
export async function openTerminal(t, { width = 80, height = 24, term = 'screen', env = {} } = {}) {
  const dir = await temporaryDirectory(t);
  const socket = `${dir}/tmux`;
  const tmux = (...args) => execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args.map(String)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const all = { PATH: `${BUILD}:${process.env.PATH}`, HOME: dir, XDG_CONFIG_HOME: '/nonexistent', LC_ALL: 'C.UTF-8', NO_COLOR: '', CARTRITA_REDIS_URL: '', REDIS_URL: '', HISTFILE: '', ...env };
  const words = Object.entries(all).map(([name, value]) => `${name}=${value}`);

  scopeOf(t).defer(() => {
    try {
      tmux('kill-server');
    } catch {
      /* it has ended already */
    }
  });
  tmux('-u', 'new-session', '-d', '-x', width, '-y', height, 'env', ...words, `TERM=${term}`, 'PS1=$ ', 'bash', '--norc', '--noprofile');

  const terminal = {
    dir,
    /* What is on the screen, lines without the blanks at their ends; with `escapes` its colours too. */
    screen: ({ escapes = false } = {}) => tmux('capture-pane', '-p', ...(escapes ? ['-e'] : [])).replace(/\s+$/, ''),
    /* Text as it is typed; key() for Enter, Tab, C-c, Up. */
    type: (text) => tmux('send-keys', '-l', '--', text),
    key: (...names) => tmux('send-keys', ...names),
    /* One of tmux's formats: alternate_on, cursor_flag, pane_pid. */
    value: (name) => tmux('display-message', '-p', `#{${name}}`).trim(),
    resize: (columns, rows) => tmux('resize-window', '-x', columns, '-y', rows),
    until: (pattern, what) =>
      until(() => (pattern.test(terminal.screen()) ? terminal.screen() : undefined), {
        what: what ?? `${pattern} on the screen`,
        describe: () => terminal.screen(),
      }),
    async run(command) {
      tmux('send-keys', '-l', '--', `clear; ${command}; echo "exit=$?"`);
      tmux('send-keys', 'Enter');
      return terminal.until(/^exit=\d+$/m);
    },
  };
  const pid = Number(terminal.value('pid'));
  guardPid(pid);
  scopeOf(t).defer(() => releasePid(pid));
  await terminal.until(/\$/);
  return terminal;
}
