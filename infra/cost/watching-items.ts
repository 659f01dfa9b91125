/** What watching bills: metrics, alarms, the dashboard, logs, messages and their key. */
import { alarmRules } from '../aws/alarm-rules.ts';
import { PRODUCER, TRANSFORMER } from '../aws/metrics.ts';
import { producerServices } from '../aws/producer-services.ts';
import { LOG_DAYS } from '../aws/retention.ts';
import { GB, HOURS_A_DAY, HOURS_A_MONTH, SECONDS_A_MONTH } from './billing.ts';
import { type Item, itemOf } from './item.ts';
import type { Load } from './load.ts';
import { MEASURED } from './measured.ts';
import { PRICES } from './prices.ts';
import type { CostSettings } from './settings.ts';

const FIGURES_EVERY_SECONDS = 60;
/** Allowed for, not measured: what a producer logs beside its figures, in a minute, and a Lambda in a call. */
const OTHER_LOG_BYTES_A_MINUTE = 500;
const LOG_BYTES_A_CALL = 1_500;

export function watchingItems(settings: CostSettings, load: Load): Item[] {
  const { producers, callsPerSecond } = load;
  const producerMetrics = Object.keys(PRODUCER).length;
  const transformerMetrics = Object.keys(TRANSFORMER).length;
  const logged =
    ((MEASURED.figuresLineBytes + OTHER_LOG_BYTES_A_MINUTE) * producers) / FIGURES_EVERY_SECONDS +
    LOG_BYTES_A_CALL * callsPerSecond;
  const logGb = (logged * SECONDS_A_MONTH) / GB;
  return [
    itemOf(
      'CloudWatch',
      'metrics',
      PRICES.metrics,
      producers * producerMetrics + transformerMetrics,
      `${producerMetrics} of each producer and ${transformerMetrics} of the transformer, each a custom metric`,
    ),
    itemOf('CloudWatch', 'alarms', PRICES.alarms, alarmsOf(settings), 'one metric each'),
    itemOf('CloudWatch', 'dashboard', PRICES.dashboards, 1, 'one'),
    itemOf(
      'CloudWatch',
      'logs in',
      PRICES.logsIn,
      logGb,
      `the figures of each producer once a minute (${MEASURED.figuresLineBytes} bytes, measured), and an allowance for all else`,
    ),
    itemOf(
      'CloudWatch',
      'logs kept',
      PRICES.logsKept,
      (logGb * LOG_DAYS * HOURS_A_DAY) / HOURS_A_MONTH,
      `${LOG_DAYS} days; compression, for which AWS bills less, is left out`,
    ),
    itemOf('SQS', 'failures', PRICES.queueRequests, 0, 'a request per failure; none in an undisturbed month'),
    itemOf('SNS', 'messages', PRICES.mails, 0, 'one e-mail an alarm; none in an undisturbed month'),
    ...(settings.alarmEmail === null ? [] : [messageKeyItem()]),
  ];
}

function messageKeyItem(): Item {
  const rule = 'alarms are encrypted with a key of the stack; each of its first two yearly rotations adds as much';
  return itemOf('KMS', 'key of the messages', PRICES.keys, 1, rule);
}

/** The program's own rules, counted. */
function alarmsOf(settings: CostSettings): number {
  const producers = producerServices(settings).map(({ producer }) => ({ producer, service: '' }));
  const names = { stack: '', cluster: '', stream: '', transformer: '', delivery: '', backfill: '', bucket: '' };
  const watched = { ...names, failures: '', deadLetters: '', producers };
  return alarmRules(watched, { ...settings, timeoutSeconds: 60 }).length;
}
