// A PostgreSQL of the demo: its own folder, a socket in it and no port, gone with the demo.
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// Debian keeps its programs out of PATH, by version.
function programs() {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => b - a) : [];
  return versions.map((version) => join(root, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
}

// PostgreSQL refuses to run as root.
function account() {
  if (process.getuid() !== 0) return {};
  const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((each) => each.startsWith('postgres:'));
  const [, , uid, gid] = line.split(':').map(Number);
  return { uid, gid };
}

export class Database {
  bin = programs();

  constructor(stage) {
    this.stage = stage;
    this.folder = join(stage.folder, 'postgres');
    this.url = `postgres:///postgres?user=demo&host=${encodeURIComponent(this.folder)}`;
  }

  // Takes some seconds; `run(name, file, args, options)` starts a program of the stage.
  async open(run) {
    const who = account();
    const data = join(this.folder, 'data');
    mkdirSync(this.folder, { mode: 0o700 });
    if (who.uid !== undefined) {
      chmodSync(this.stage.folder, 0o711);
      chownSync(this.folder, who.uid, who.gid);
    }
    const options = { ...who, cwd: this.folder, deathSignal: 'KILL' };
    const make = run('initdb', join(this.bin, 'initdb'), ['-D', data, '-U', 'demo', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], options);
    const { code } = await make.exited;
    if (code !== 0) throw new Error(`initdb: ${make.tail()}`);
    const settings = ['listen_addresses=', `unix_socket_directories=${this.folder}`, 'fsync=off', 'synchronous_commit=off'];
    this.server = run('postgres', join(this.bin, 'postgres'), ['-D', data, ...settings.flatMap((each) => ['-c', each])], { ...options, deathSignal: 'QUIT', endSignal: 'SIGINT' });
    await this.server.line((fields, line) => /ready to accept connections/.test(line), 'ready');
  }
}
