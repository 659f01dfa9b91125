/**
 * Rewrites the README's generated sections, those between `<!-- generated:NAME -->` and `<!-- /generated -->`, from
 * what the program itself reads. `--check` only says whether they are up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Setting, variableOf } from '../producer/config.ts';
import { TABLE_NAMES, TABLES, type TableName } from '../producer/record.ts';
import { columnsOf } from '../transformer/catalog.ts';
import type { Command } from './commands/command.ts';
import { COMMANDS } from './commands/list.ts';
import { typeText } from './commands/type-text.ts';

const README = new URL('../README.md', import.meta.url);

const SECTIONS: Record<string, () => string> = {
  contract: () => TABLE_NAMES.map(contractTable).join('\n\n'),
  settings: () => settingsTable(COMMANDS),
  commands: () => commandsTable(COMMANDS),
};

const MARKED = /(<!-- generated:([\w-]+) -->\n)[\s\S]*?(<!-- \/generated -->)/g;

/**
 * The text with every generated section renewed.
 * @throws Error where a section is unknown, or one of them is not there
 */
export function renewed(readme: string): string {
  const found = new Set<string>();
  const text = readme.replace(MARKED, (_whole, begin: string, name: string, end: string) => {
    const section = SECTIONS[name];
    if (section === undefined) throw new Error(`README.md marks an unknown section: ${name}`);
    found.add(name);
    return `${begin}${section()}\n${end}`;
  });
  const lacking = Object.keys(SECTIONS).filter((name) => !found.has(name));
  if (lacking.length > 0) throw new Error(`README.md lacks the generated sections ${lacking.join(', ')}`);
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

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function main(args: readonly string[]): number {
  const readme = readFileSync(README, 'utf8');
  const text = renewed(readme);
  if (text === readme) return 0;
  if (args.includes('--check')) {
    console.error('README.md is stale: run `npm run docs`.');
    return 1;
  }
  writeFileSync(README, text);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
