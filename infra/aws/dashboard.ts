/** The dashboard that shows the pipeline from left to right. */
import * as aws from '@pulumi/aws';
import {
  all,
  ComponentResource,
  type ComponentResourceOptions,
  getProject,
  type Input,
  interpolate,
  type Output,
  output,
} from '@pulumi/pulumi';
import type { Stage, WatchSettings } from './alarm-rule.ts';
import { dashboardBody } from './dashboard-body.ts';
import type { Watched } from './watched.ts';

export interface DashboardArgs {
  readonly watched: Watched<Input<string>>;
  readonly settings: WatchSettings;
  readonly alarms: readonly { readonly stage: Stage; readonly arn: Output<string> }[];
  /** Names of the log groups whose warnings and errors are listed. */
  readonly logGroups: readonly Input<string>[];
}

export class Dashboard extends ComponentResource {
  /** In the console. */
  readonly url: Output<string>;

  constructor(name: string, { watched, settings, alarms, logGroups }: DashboardArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Dashboard', name, {}, opts);
    const parent = { parent: this };
    const { region } = aws.getRegionOutput({}, parent);
    const dashboard = new aws.cloudwatch.Dashboard(
      name,
      {
        // AWS wants a name of letters, digits, - and _, and Pulumi gives dashboards none.
        dashboardName: `${getProject()}-${watched.stack}`.replace(/[^A-Za-z0-9_-]/g, '-'),
        dashboardBody: all([output(watched), output(alarms), output(logGroups), region]).apply(
          ([names, arns, groups, here]) =>
            JSON.stringify(dashboardBody({ watched: names, settings, region: here, alarms: arns, logGroups: groups })),
        ),
      },
      parent,
    );
    this.url = interpolate`https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#dashboards/dashboard/${dashboard.dashboardName}`;
    this.registerOutputs({ url: this.url });
  }
}
