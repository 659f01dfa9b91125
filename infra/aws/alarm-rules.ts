/** All alarms of a system. */
import { type AlarmRule, STAGES, type WatchSettings } from './alarm-rule.ts';
import { deliveryRules } from './delivery-rules.ts';
import { producerRules } from './producer-rules.ts';
import { streamRules } from './stream-rules.ts';
import { transformerRules } from './transformer-rules.ts';
import type { Watched } from './watched.ts';

/** In the order of the pipeline. CloudWatch bills each as one alarm metric, as each looks at one. */
export function alarmRules<V>(watched: Watched<V>, settings: WatchSettings): readonly AlarmRule<V>[] {
  const rules = [
    ...watched.producers.flatMap((producer) => producerRules(watched, producer, settings)),
    ...streamRules(watched),
    ...transformerRules(watched, settings.timeoutSeconds),
    ...deliveryRules(watched, settings.bufferSeconds),
  ];
  return rules.toSorted((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage));
}
