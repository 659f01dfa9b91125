import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../infra/commands/list.ts';
import { variableOf } from '../../producer/config.ts';
import { depthlakeHere } from './in-process.ts';
import { depthlake, type Ended } from './process.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

describe('depthlake --help', () => {
  let help: Ended;
  beforeAll(async () => {
    help = await depthlake(['--help']);
  });

  it.each(COMMANDS.map((command) => [command.name, command] as const))('lists %s with an example', (name, command) => {
    expect(help.status).toBe(0);
    expect(help.stderr).toBe('');
    expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(help.stdout).toContain(`  depthlake ${command.examples[0]}`);
  });
});

describe('the help of a command', () => {
  it.each(COMMANDS.map((command) => [command.name, command] as const))(
    'of %s lists each option with default, unit and environment variable',
    async (name, command) => {
      const { status, stdout } = await depthlakeHere([name, '--help']);
      expect(status).toBe(0);
      const text = stdout.replaceAll(/\s+/g, ' ');
      for (const setting of Object.values(command.settings)) {
        const from = text.indexOf(` --${setting.flag} `);
        expect(from, `--${setting.flag}`).toBeGreaterThan(0);
        const next = text.indexOf(' --', from + 4);
        const entry = text.slice(from, next < 0 ? undefined : next + 4000);
        if (setting.default !== undefined) expect(entry).toContain(`default: ${setting.default}`);
        if (setting.unit !== undefined) expect(entry).toContain(`unit: ${setting.unit}`);
        const variable = variableOf(setting);
        if (variable !== null) expect(entry).toContain(`env: ${variable}`);
      }
      for (const example of command.examples) expect(stdout).toContain(`depthlake ${example}`);
    },
  );

  it('is the same from `help COMMAND`', async () => {
    const [one, other] = await Promise.all([depthlake(['help', 'check']), depthlake(['check', '--help'])]);
    expect(one.status).toBe(0);
    expect(one.stdout).toBe(other.stdout);
  });
});

describe('depthlake --version', () => {
  it('prints the package’s version', async () => {
    expect(await depthlake(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('a command line that cannot be', () => {
  it.each([
    ['no command', [], 'a command is missing'],
    ['an unknown command', ['recrod'], "unknown command 'recrod'"],
    ['an unknown option', ['check', '--jsno', '.'], "unknown option '--jsno'"],
    ['an unknown option before the command', ['--quick', 'check'], "unknown option '--quick'"],
    ['a missing argument', ['check'], "missing required argument 'dir'"],
    ['a missing list of files', ['inspect'], "missing required argument 'file'"],
    ['too many arguments', ['check', 'a', 'b'], 'too many arguments'],
    ['a missing option value', ['transform', '--event'], "option '--event <file>' argument missing"],
    ['no event', ['transform'], '--event FILE or --example is missing'],
    ['two forms of output', ['inspect', '--json', '--schema', 'x'], 'exclude each other'],
  ])('%s is DL_USAGE, with what to do and status 2', async (_what, args, words) => {
    const { status, stdout, stderr } = await depthlakeHere(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('depthlake: DL_USAGE: ');
    expect(stderr).toContain(words);
    expect(stderr).toContain('\n  what to do: See `depthlake --help`');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('with bad values names all of them at once, from flags and from the environment', async () => {
    const { status, stderr } = await depthlake(['record', '--every', 'soon', '--lanes', '0'], {
      env: { DEPTHLAKE_VENUE: 'kraken' },
    });
    expect(status).toBe(2);
    expect(stderr).toContain('DL_SETTINGS');
    expect(stderr).toContain('--every soon: must be a time');
    expect(stderr).toContain('--lanes 0: must be a whole number from 1 to 1024');
    expect(stderr).toContain('DEPTHLAKE_VENUE=kraken: must be one of');
  });
});

describe('settings', () => {
  it('come from the environment', async () => {
    const { status, stderr } = await depthlake(['transform', '--event', '-'], { env: { DEPTHLAKE_CODEC: 'xz' } });
    expect(status).toBe(2);
    expect(stderr).toContain('DEPTHLAKE_CODEC=xz: must be one of deflate, snappy, null');
  });

  it('come from the flag where both are given', async () => {
    const { status } = await depthlake(['transform', '--codec', 'null', '--example'], {
      env: { DEPTHLAKE_CODEC: 'xz' },
    });
    expect(status).toBe(0);
  });

  it('that are switches can be switched off against the environment', async () => {
    const { stdout } = await depthlake(['check', '--no-json', '/nowhere'], { env: { DEPTHLAKE_JSON: 'true' } });
    expect(stdout).toBe('');
  });
});
