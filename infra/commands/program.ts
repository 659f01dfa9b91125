/** The commander program, built from the command objects: options come from settings and from nowhere else. */
import { CommanderError, Option, Command as Program } from 'commander';
import { readSettings, type Setting, variableOf } from '../../producer/config.ts';
import { DepthlakeError } from '../../producer/errors.ts';
import type { Command } from './command.ts';

/** A command line that was understood: what to run, and with what. */
export interface Invocation {
  readonly command: Command;
  readonly values: Record<string, unknown>;
  readonly arguments: readonly string[];
}

/** What a command line asks for: a command, or a text to print (help, version). */
export type Request = { readonly invocation: Invocation } | { readonly text: string };

type Env = Readonly<Record<string, string | undefined>>;

/**
 * @param args the command line without node and script
 * @throws DL_USAGE for an unknown command or option or a missing argument, DL_SETTINGS for bad values
 */
export function readCommandLine(
  args: readonly string[],
  env: Env,
  commands: readonly Command[],
  version: string,
): Request {
  const text: string[] = [];
  let invocation: Invocation | null = null;
  const program = rootProgram(commands, version);
  for (const command of commands) {
    program.addCommand(
      subProgram(command).action((...given) => {
        const used = given.at(-1) as Program;
        invocation = { command, values: readSettings(command.settings, used.opts(), env), arguments: used.args };
      }),
    );
  }
  for (const each of [program, ...program.commands]) {
    each.exitOverride().configureOutput({ writeOut: (part) => text.push(part), writeErr: () => {} });
  }
  try {
    program.parse(args as string[], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(error);
  }
  return invocation === null ? { text: text.join('') } : { invocation };
}

function rootProgram(commands: readonly Command[], version: string): Program {
  return new Program('depthlake')
    .usage('<command> [options]')
    .description(
      'Records exchange order books into a data lake that people query with SQL, and proves what the lake holds.',
    )
    .version(version, '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Print this help')
    .helpCommand('help [command]', 'Print the help of a command')
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpText('after', `\nExamples:\n${commands.map(({ examples }) => `  depthlake ${examples[0]}`).join('\n')}`)
    .allowExcessArguments()
    .action((_options, program: Program) => {
      const names = commands.map(({ name }) => name).join(', ');
      const [given] = program.args;
      throw new DepthlakeError(
        'DL_USAGE',
        given === undefined ? `a command is missing: ${names}` : `unknown command '${given}'; there are ${names}`,
      );
    });
}

function subProgram({ name, summary, argument, settings, examples }: Command): Program {
  const program = new Program(name)
    .description(`${summary}.`)
    .summary(summary)
    .helpOption('-h, --help', 'Print this help')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  depthlake ${example}`).join('\n')}`);
  if (argument !== undefined) program.argument(argument.name, argument.help);
  for (const [key, setting] of Object.entries(settings)) addOption(program, key, setting);
  return program;
}

function addOption(program: Program, key: string, setting: Setting<unknown>): void {
  const { flag, argument } = setting;
  const option = new Option(argument === undefined ? `--${flag}` : `--${flag} ${argument}`, helpOf(setting));
  option.attributeName = () => key;
  program.addOption(option);
  if (argument !== undefined) return;
  const negation = new Option(`--no-${flag}`).hideHelp();
  negation.attributeName = () => key;
  program.addOption(negation);
}

function helpOf(setting: Setting<unknown>): string {
  const variable = variableOf(setting);
  const facts = [
    setting.unit === undefined ? null : `unit: ${setting.unit}`,
    setting.default === undefined ? null : `default: ${setting.default}`,
    variable === null ? null : `env: ${variable}`,
  ].filter((fact) => fact !== null);
  return facts.length === 0 ? setting.help : `${setting.help} (${facts.join('; ')})`;
}

function usageError(error: CommanderError): DepthlakeError {
  const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  return new DepthlakeError('DL_USAGE', message, { cause: error });
}
