/** The producer as ECS services on Fargate: one task each, as tasks have no ordinal to tell them their shard by. */
import * as aws from '@pulumi/aws';
import {
  ComponentResource,
  type ComponentResourceOptions,
  getProject,
  type Input,
  interpolate,
  jsonStringify,
  type Output,
  output,
} from '@pulumi/pulumi';
import { SPILL_PREFIX } from './lake.ts';
import type { Network } from './network.ts';
import { ProducerRoles } from './producer-roles.ts';
import { type ProducerService, producerServices } from './producer-services.ts';
import { producerContainers, producerVariables, type TaskPlace, VOLUMES } from './producer-task.ts';
import { replacementOf, steadyWithinMinutes } from './replacement.ts';
import { LOG_DAYS } from './retention.ts';
import type { Deployment } from './settings.ts';
import { type TaskSize, taskSize } from './task-size.ts';

export interface ProducerArgs {
  readonly settings: Deployment;
  readonly stack: string;
  readonly network: Network;
  readonly stream: { readonly name: Input<string>; readonly arn: Input<string> };
  readonly state: { readonly table: Input<string>; readonly arn: Input<string> };
  readonly lake: { readonly bucket: Input<string>; readonly arn: Input<string> };
  readonly artifacts: {
    readonly bucket: Input<string>;
    readonly arn: Input<string>;
    readonly producerKey: Input<string>;
  };
}

/** A service that runs one producer. */
export interface RunningProducer {
  readonly name: Output<string>;
  /** Dimension `producer` of its figures. */
  readonly producer: string;
  /** From 1. */
  readonly shard: number;
}

export class Producer extends ComponentResource {
  /** The cluster's name. */
  readonly cluster: Output<string>;
  readonly services: readonly RunningProducer[];
  /** The log group's name. */
  readonly logGroup: Output<string>;

  constructor(name: string, args: ProducerArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Producer', name, {}, opts);
    const { settings, stream, state, lake, artifacts } = args;
    const cluster = new aws.ecs.Cluster(
      name,
      // The producer's own figures say more, and Container Insights bills some dozens of metrics.
      { settings: [{ name: 'containerInsights', value: 'disabled' }] },
      { parent: this },
    );
    const logGroup = new aws.cloudwatch.LogGroup(name, { retentionInDays: LOG_DAYS }, { parent: this });
    const roles = new ProducerRoles(
      name,
      {
        streamArn: stream.arn,
        stateTableArn: state.arn,
        lakeArn: lake.arn,
        artifactsArn: artifacts.arn,
        logGroupArn: logGroup.arn,
      },
      { parent: this },
    );
    const place = output({
      region: aws.getRegionOutput({}, { parent: this }).region,
      stack: args.stack,
      stream: stream.name,
      stateTable: state.table,
      spillUrl: interpolate`s3://${lake.bucket}/${SPILL_PREFIX}`,
      artifactBucket: artifacts.bucket,
      bundleKey: artifacts.producerKey,
      logGroup: logGroup.name,
    });
    const size = taskSize(settings);
    const services: (RunningProducer & { readonly resource: aws.ecs.Service })[] = [];
    for (const service of producerServices(settings)) {
      const task = this.#task(`${name}-${service.id}`, { service, settings, stack: args.stack, size, place, roles });
      // Of two producers of the same symbols one is replaced, and delivers, before the other one is touched; where that
      // fails, the update ends there, and the other one goes on as it was.
      const before = services.filter(({ shard }) => shard === service.shard.index);
      const resource = this.#service(`${name}-${service.id}`, {
        cluster,
        task,
        network: args.network,
        service,
        settings,
        after: [args.network, roles, ...before.map((earlier) => earlier.resource)],
      });
      services.push({ name: resource.name, producer: service.producer, shard: service.shard.index, resource });
    }
    this.cluster = cluster.name;
    this.services = services.map(({ resource: _, ...running }) => running);
    this.logGroup = logGroup.name;
    this.registerOutputs({ cluster: this.cluster, services: this.services, logGroup: this.logGroup });
  }

  #task(
    name: string,
    parts: {
      readonly service: ProducerService;
      readonly settings: Deployment;
      readonly stack: string;
      readonly size: TaskSize;
      readonly place: Output<TaskPlace>;
      readonly roles: ProducerRoles;
    },
  ): aws.ecs.TaskDefinition {
    const { service, settings, stack, size, place, roles } = parts;
    return new aws.ecs.TaskDefinition(
      name,
      {
        // A family is no resource: revisions count up in it.
        family: `${getProject()}-${stack}-${service.producer}`.replace(/[^a-zA-Z0-9_-]+/g, '-'),
        requiresCompatibilities: ['FARGATE'],
        networkMode: 'awsvpc',
        // A fifth cheaper than x86, and nothing here is compiled for a processor.
        runtimePlatform: { operatingSystemFamily: 'LINUX', cpuArchitecture: 'ARM64' },
        cpu: String(size.cpuUnits),
        memory: String(size.memoryMib),
        executionRoleArn: roles.executionRoleArn,
        taskRoleArn: roles.taskRoleArn,
        volumes: VOLUMES.map((volume) => ({ name: volume })),
        containerDefinitions: jsonStringify(
          place.apply((at) => producerContainers(at, producerVariables(at, settings, service, size))),
        ),
      },
      { parent: this },
    );
  }

  #service(
    name: string,
    parts: {
      readonly cluster: aws.ecs.Cluster;
      readonly task: aws.ecs.TaskDefinition;
      readonly network: Network;
      readonly service: ProducerService;
      readonly settings: Deployment;
      readonly after: readonly (aws.ecs.Service | ComponentResource)[];
    },
  ): aws.ecs.Service {
    const { cluster, task, network, service, settings, after } = parts;
    const steadyWithin = `${steadyWithinMinutes(settings)}m`;
    return new aws.ecs.Service(
      name,
      {
        cluster: cluster.arn,
        taskDefinition: task.arn,
        // Not FARGATE_SPOT: each interruption is a gap.
        launchType: 'FARGATE',
        desiredCount: 1,
        // The next task starts beside the last one, which ends once the next one delivers (its health check).
        deploymentMinimumHealthyPercent: 100,
        deploymentMaximumPercent: 200,
        deploymentConfiguration: replacementOf(settings),
        deploymentCircuitBreaker: { enable: true, rollback: true },
        // Ends with rows on their way, or with the error; and the task definition of before is there until then, for ECS
        // to go back to.
        waitForSteadyState: true,
        // One task is balanced wherever it is; moving it would begin another session for nothing.
        availabilityZoneRebalancing: 'DISABLED',
        networkConfiguration: {
          subnets: network.subnetIds.apply((ids) => subnetsOf(ids, service.replica, settings.redundancy)),
          securityGroups: [network.securityGroupId],
          // There is no NAT.
          assignPublicIp: true,
        },
        // Nobody has business in a running producer; what it knows is in its log, its figures and its rows.
        enableExecuteCommand: false,
        enableEcsManagedTags: true,
        propagateTags: 'SERVICE',
      },
      {
        parent: this,
        dependsOn: [...after],
        customTimeouts: { create: steadyWithin, update: steadyWithin },
      },
    );
  }
}

/** Of two producers each has subnets of its own, in turns: with one zone a subnet, no zone takes both away. */
function subnetsOf(ids: readonly string[], replica: number, redundancy: number): string[] {
  return ids.length < redundancy ? [...ids] : ids.filter((_, index) => index % redundancy === replica);
}
