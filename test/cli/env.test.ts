import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { environmentOf, STACK_VARIABLES } from '../../infra/commands/stack-outputs.ts';
import { temporaryFolder } from './lake.ts';
import { depthlake, shell } from './process.ts';

const ENVIRONMENT = {
  ...Object.fromEntries(STACK_VARIABLES.map((name) => [name, `value-of-${name.toLowerCase()}`])),
  DEPTHLAKE_SYMBOLS: 'BTCUSDT,ETH*',
  DEPTHLAKE_STACK: 'o\'neill $(touch hacked) `id` "prod"',
};
const OUTPUTS = JSON.stringify({ bucket: 'lake', environment: ENVIRONMENT });

/** A PATH with a `pulumi` that prints its arguments to `asked` and then runs the script. */
function pulumi(script: string): { readonly env: Record<string, string>; readonly asked: string } {
  const folder = temporaryFolder();
  const asked = path.join(folder, 'asked');
  writeFileSync(path.join(folder, 'pulumi'), `#!/bin/sh\nprintf '%s\\n' "$@" > '${asked}'\n${script}\n`);
  chmodSync(path.join(folder, 'pulumi'), 0o755);
  return { env: { PATH: `${folder}:/usr/bin:/bin` }, asked };
}

describe('depthlake env', () => {
  it('sets, in a shell that evaluates it, exactly what the stack’s outputs say', async () => {
    const { env } = pulumi(`cat <<'JSON'\n${OUTPUTS}\nJSON`);
    const folder = temporaryFolder();
    const script =
      'eval "$(depthlake env)" && printf "%s\\n" "$DEPTHLAKE_STACK" "$DEPTHLAKE_SYMBOLS" "$AWS_REGION"; ls';
    const { status, stdout, stderr } = await shell(script, { env, cwd: folder });

    expect(stderr).toBe('');
    expect(stdout).toBe(`${ENVIRONMENT.DEPTHLAKE_STACK}\nBTCUSDT,ETH*\nvalue-of-aws_region\n`);
    expect(status).toBe(0);
  });

  it('asks Pulumi for the stack and the folder that are named', async () => {
    const { env, asked } = pulumi(`cat <<'JSON'\n${OUTPUTS}\nJSON`);
    const folder = temporaryFolder();
    const args = ['env', '--pulumi-stack', 'acme/depthlake/prod', '--program', folder, '--json'];
    const { status, stdout } = await depthlake(args, { env });

    expect(JSON.parse(stdout)).toEqual(ENVIRONMENT);
    expect(status).toBe(0);
    const { stdout: given } = await shell(`cat '${asked}'`);
    const wanted = [
      'stack',
      'output',
      '--json',
      '--non-interactive',
      '--cwd',
      folder,
      '--stack',
      'acme/depthlake/prod',
    ];
    expect(given.trim().split('\n')).toEqual(wanted);
  });

  it('reads outputs that were saved, and needs no Pulumi then', async () => {
    const folder = temporaryFolder();
    const env = { PATH: folder };
    writeFileSync(path.join(folder, 'outputs.json'), OUTPUTS);

    const file = await depthlake(['env', '--outputs', path.join(folder, 'outputs.json'), '--json'], { env });
    const piped = await depthlake(['env', '--outputs', '-'], { env, input: OUTPUTS });

    expect(JSON.parse(file.stdout)).toEqual(ENVIRONMENT);
    expect(piped.stdout.split('\n')).toContain("export DEPTHLAKE_SYMBOLS='BTCUSDT,ETH*'");
    expect(piped.stdout.match(/^export [A-Z_]+='/gm)).toHaveLength(STACK_VARIABLES.length);
  });

  it('says that there is no Pulumi', async () => {
    const { status, stdout, stderr } = await depthlake(['env'], { env: { PATH: temporaryFolder() } });

    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('DL_PULUMI_FAILED: there is no command pulumi');
    expect(stderr).toContain('--outputs');
  });

  it('passes on what Pulumi says', async () => {
    const { env } = pulumi(
      'echo "error: no stack selected; please use \\`pulumi stack select\\` to choose one" >&2; exit 255',
    );
    const { status, stderr } = await depthlake(['env'], { env });

    expect(status).toBe(1);
    expect(stderr).toContain(
      'DL_PULUMI_FAILED: pulumi stack output: no stack selected; please use `pulumi stack select` to choose one\n',
    );
  });

  it.each([
    ['of another program', '{"bucket":"lake"}', 'the output environment is not there'],
    ['of a stack that was never deployed', '{}', 'the output environment is not there'],
    [
      'of an older version',
      '{"environment":{"AWS_REGION":"eu-west-1"}}',
      'the output environment lacks DEPTHLAKE_STREAM,',
    ],
    ['that are none', 'updating…', 'the outputs are not JSON'],
    [
      'that would run a command',
      JSON.stringify({ environment: { ...ENVIRONMENT, 'X=1;id': '' } }),
      'which is no variable',
    ],
    [
      'without text',
      JSON.stringify({ environment: { ...ENVIRONMENT, DEPTHLAKE_BOOK: 7 } }),
      'DEPTHLAKE_BOOK in the output environment is no text',
    ],
  ])('refuses outputs %s', (_which, outputs, words) => {
    expect(() => environmentOf(outputs)).toThrow(
      expect.objectContaining({ code: 'DL_STACK_OUTPUTS', message: expect.stringContaining(words) }),
    );
  });

  it('refuses two places to take the outputs from, and a file that is not there', async () => {
    const both = await depthlake(['env', '--outputs', '-', '--pulumi-stack', 'prod']);
    const gone = await depthlake(['env', '--outputs', 'gone.json']);

    expect([both.status, both.stderr]).toEqual([2, expect.stringContaining('DL_USAGE')]);
    expect([gone.status, gone.stderr]).toEqual([
      1,
      expect.stringContaining('DL_FILE_UNREADABLE: gone.json: does not exist'),
    ]);
  });
});
