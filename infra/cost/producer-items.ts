/** What the producers bill: their tasks, their addresses, and the state of their symbols. */
import { type TaskSize, taskSize } from '../aws/task-size.ts';
import { HOURS_A_MONTH, SECONDS_A_MONTH } from './billing.ts';
import { type Item, itemOf } from './item.ts';
import type { Load } from './load.ts';
import { PRICES } from './prices.ts';
import type { CostSettings } from './settings.ts';

/** A symbol's state is written at most so often (producer/state/keeper.ts). */
const STATE_EVERY_SECONDS = 10;

export function producerItems(settings: CostSettings, { producers, symbols, rowsPerSecond }: Load): Item[] {
  const { cpuUnits, memoryMib }: TaskSize = taskSize(settings);
  const hours = producers * HOURS_A_MONTH;
  const feeds = symbols * settings.redundancy;
  const writes = Math.min(feeds / STATE_EVERY_SECONDS, rowsPerSecond) * SECONDS_A_MONTH;
  return [
    itemOf(
      'Fargate',
      'vCPU, arm64',
      PRICES.fargateArmVcpu,
      (hours * cpuUnits) / 1024,
      `${cpuUnits / 1024} vCPU for each producer, all month`,
    ),
    itemOf(
      'Fargate',
      'memory, arm64',
      PRICES.fargateArmGb,
      (hours * memoryMib) / 1024,
      `${memoryMib} MiB for each producer, all month; 20 GB of disk are included`,
    ),
    itemOf(
      'VPC',
      'public addresses',
      PRICES.publicAddress,
      hours,
      'one IPv4 address for each producer, as there is no NAT',
    ),
    itemOf(
      'DynamoDB',
      'feed state',
      PRICES.writeUnits,
      writes / 1e6,
      `a write of less than 1 KB for each symbol and producer every ${STATE_EVERY_SECONDS} s, a refused one too`,
    ),
    itemOf(
      'Transfer',
      'from the exchange',
      PRICES.transferIn,
      0,
      'data in is free, and so is data to AWS within the region',
    ),
  ];
}
