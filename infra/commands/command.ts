/** The shape of every command, from which `--help`, the README and the program itself are built. */
import type { Setting, ValuesOf } from '../../producer/config.ts';
import { boolean } from '../../producer/config.ts';
import type { Output, Terminal } from '../terminal.ts';

export type Settings = Record<string, Setting<unknown>>;

/** What a command is given to run with; it touches nothing else of the process. */
export interface Context<S extends Settings> {
  readonly values: ValuesOf<S>;
  /** What stands on the command line behind the options. */
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The result goes here. */
  readonly stdout: Output;
  /** Logs and messages go here. */
  readonly stderr: Output;
  /** A live line on stderr, where that is a terminal. */
  readonly terminal: Terminal;
  /**
   * Aborted by SIGINT, SIGTERM, SIGHUP or a closed pipe (its `reason` is the signal's name, SIGPIPE for the pipe).
   * Only a command that `flushes` lives to see it.
   */
  readonly signal: AbortSignal;
}

export interface Command<S extends Settings = Settings> {
  readonly name: string;
  /** One line without a full stop. */
  readonly summary: string;
  /** As commander writes it: `<dir>`, `<files...>`; absent: the command takes none. */
  readonly argument?: { readonly name: string; readonly help: string };
  readonly settings: S;
  /** Command lines without the leading `depthlake`; the first is shown in the list of commands. */
  readonly examples: readonly [string, ...string[]];
  /**
   * true: the first SIGINT or SIGTERM aborts the context's `signal`, and the command ends by itself once everything in
   * flight is flushed; a second one ends the process at once. Absent: the first one ends the process at once.
   */
  readonly flushes?: true;
  /** @returns the exit status. Failures are thrown as DepthlakeError. */
  run(context: Context<S>): Promise<number>;
}

/** Keeps the types of a command's own settings, and lets commands of different settings stand in one list. */
export function defineCommand<S extends Settings>(command: Command<S>): Command {
  return command as unknown as Command;
}

/** A switch that every command with a machine-readable result has. */
export function jsonSetting<const H extends string>(help: H) {
  return { flag: 'json', help, default: 'false', parse: boolean } as const satisfies Setting<boolean>;
}
