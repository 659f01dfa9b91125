/** Every command, in the order in which `--help` and the README show them. */
import { command as check } from './check.ts';
import type { Command } from './command.ts';
import { command as cost } from './cost.ts';
import { command as doctor } from './doctor.ts';
import { command as env } from './env.ts';
import { command as inspect } from './inspect.ts';
import { command as record } from './record.ts';
import { command as replay } from './replay.ts';
import { command as start } from './start.ts';
import { command as transform } from './transform.ts';

export const COMMANDS: readonly Command[] = [start, record, doctor, env, inspect, check, replay, transform, cost];
