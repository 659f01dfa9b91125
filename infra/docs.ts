/**
 * Rewrites the generated sections of README.md and Pulumi.yaml, those between `generated:NAME` and `/generated` in a
 * comment of the file's own kind, from what the program itself reads. `--check` only says whether they are up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Setting, variableOf } from '../producer/config.ts';
import { TABLE_NAMES, TABLES, type TableName } from '../producer/record.ts';
import { columnsOf } from '../transformer/catalog.ts';
import { VIEWS } from '../transformer/views.ts';
import { SEED_QUERIES } from './aws/seed-queries.ts';
import { DEPLOYMENT_SETTINGS, type DeploymentSetting } from './aws/settings.ts';
import type { Command } from './commands/command.ts';
import { COMMANDS } from './commands/list.ts';
import { typeText } from './commands/type-text.ts';
import { exampleEstimates } from './cost/examples.ts';
import { CAVEAT, sideBySide } from './cost/report.ts';

/** What each file holds, by its name from the root. */
const SECTIONS: Record<string, Record<string, () => string>> = {
  'README.md': {
    contract: () => TABLE_NAMES.map(contractTable).join('\n\n'),
    settings: () => settingsTable(COMMANDS),
    commands: () => commandsTable(COMMANDS),
    deployment: deploymentTable,
    cost: costTable,
    views: viewsTable,
    queries: seedQueries,
  },
  'Pulumi.yaml': { config: pulumiConfig },
};

/** In Markdown `<!-- generated:NAME -->`, in YAML `# generated:NAME`. */
const MARKED = /((?:<!--|#) generated:([\w-]+)(?: -->)?\n)[\s\S]*?((?:<!--|[ \t]*#) \/generated)/g;

/**
 * A file's text with every generated section renewed.
 * @throws Error where a section is unknown, or one of them is not there
 */
export function renewed(file: string, before: string): string {
  const sections = SECTIONS[file] ?? {};
  const found = new Set<string>();
  const text = before.replace(MARKED, (_whole, begin: string, name: string, end: string) => {
    const section = sections[name];
    if (section === undefined) throw new Error(`${file} marks an unknown section: ${name}`);
    found.add(name);
    return `${begin}${section()}\n${end}`;
  });
  const lacking = Object.keys(sections).filter((name) => !found.has(name));
  if (lacking.length > 0) throw new Error(`${file} lacks the generated sections ${lacking.join(', ')}`);
  return text;
}

function contractTable(table: TableName): string {
  const { schema } = TABLES[table];
  const columns = columnsOf(schema);
  const rows = schema.fields.map(({ name, type, doc }, at) => [
    code(name),
    code(typeText(type)),
    code(columns[at]!.Type!),
    doc,
  ]);
  return `**\`${table}\`** (Avro record \`${schema.name}\`): ${schema.doc}\n\n${markdownTable(['field', 'Avro type', 'SQL type', 'meaning'], rows)}`;
}

function viewsTable(): string {
  return markdownTable(
    ['view', 'what it has', 'columns'],
    VIEWS.map(({ name, comment, columns }) => [
      code(name),
      comment,
      columns.map((column) => code(column.name)).join(', '),
    ]),
  );
}

function seedQueries(): string {
  return SEED_QUERIES.map(({ title, sql }) => `${title}\n\n\`\`\`sql\n${sql}\n\`\`\``).join('\n\n');
}

function settingsTable(commands: readonly Command[]): string {
  const rows = new Map<string, { setting: Setting<unknown>; names: string[] }>();
  for (const { name, settings } of commands) {
    for (const setting of Object.values(settings)) {
      const key = JSON.stringify([setting.flag, setting.default, setting.help]);
      const row = rows.get(key);
      if (row === undefined) rows.set(key, { setting, names: [name] });
      else row.names.push(name);
    }
  }
  return markdownTable(
    ['option', 'commands', 'environment', 'default', 'unit', 'meaning'],
    [...rows.values()].map(({ setting, names }) => [
      code(`--${setting.flag}${setting.argument === undefined ? '' : ` ${setting.argument}`}`),
      names.join(', '),
      code(variableOf(setting) ?? ''),
      setting.argument === undefined && setting.default === 'false' ? 'off' : code(setting.default ?? ''),
      setting.unit ?? '',
      setting.help,
    ]),
  );
}

function commandsTable(commands: readonly Command[]): string {
  return markdownTable(
    ['command', 'what it does', 'example'],
    commands.map(({ name, argument, summary, examples }) => [
      code(argument === undefined ? name : `${name} ${argument.name}`),
      summary,
      code(`npx depthlake ${examples[0]}`),
    ]),
  );
}

function deploymentTable(): string {
  return markdownTable(
    ['key', 'type', 'default', 'unit', 'meaning'],
    deploymentSettings().map(([key, setting]) => [
      code(key),
      setting.type,
      code(setting.default ?? ''),
      setting.unit ?? '',
      setting.help,
    ]),
  );
}

/** What is deployed without any further setting, for a few and for many symbols. */
function costTable(): string {
  const { head, rows } = sideBySide(exampleEstimates());
  return `${markdownTable(head, rows)}\n\n${CAVEAT}`;
}

/** Pulumi asks for a declared key that has neither a value nor a default: each has one. */
function pulumiConfig(): string {
  return deploymentSettings()
    .flatMap(([key, { type, default: value = '', help }]) => {
      const shown = type === 'string' ? JSON.stringify(value) : value;
      return [`  ${key}:`, `    type: ${type}`, `    default: ${shown}`, `    description: ${JSON.stringify(help)}`];
    })
    .join('\n');
}

function deploymentSettings(): [string, DeploymentSetting<unknown>][] {
  return Object.entries(DEPLOYMENT_SETTINGS);
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function main(args: readonly string[]): number {
  const stale = Object.keys(SECTIONS).filter((file) => renew(file, args.includes('--check')));
  if (stale.length === 0 || !args.includes('--check')) return 0;
  console.error(`${stale.join(' and ')} stale: run \`npm run docs\`.`);
  return 1;
}

/** @returns whether the file's text was another */
function renew(file: string, onlyCheck: boolean): boolean {
  const path = new URL(`../${file}`, import.meta.url);
  const before = readFileSync(path, 'utf8');
  const text = renewed(file, before);
  if (text !== before && !onlyCheck) writeFileSync(path, text);
  return text !== before;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
