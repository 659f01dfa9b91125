/** Where the producer's tasks run: public subnets from which they reach the venue and AWS, and nobody reaches them. */
import * as aws from '@pulumi/aws';
import { ComponentResource, type ComponentResourceOptions, type Input, type Output, output } from '@pulumi/pulumi';

export interface NetworkArgs {
  /** A VPC that is there already, with its public subnets; null: one of its own. */
  readonly vpcId: string | null;
  readonly subnetIds: readonly string[] | null;
}

/** Room for some hundred tasks in two zones; nothing is peered with it, so it may overlap with other networks. */
const VPC_CIDR = '10.95.0.0/24';
const SUBNET_CIDRS = ['10.95.0.0/25', '10.95.0.128/25'] as const;

/** AWS's APIs and images, the venue's REST: 443. The venue's WebSocket: 9443. */
const EGRESS_PORTS = [443, 9443] as const;

/**
 * Zones in which Fargate does not run (us-east-1's: not on arm64).
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
 */
const ZONES_WITHOUT_FARGATE = ['use1-az3', 'usw1-az2', 'apne1-az3', 'cac1-az3'];

/**
 * A minimal VPC: two public subnets in two zones, an internet gateway, no NAT (a gateway costs more than a small producer),
 * no endpoints (S3 and DynamoDB of the region cost nothing over the internet gateway either). With a VPC given, its
 * resolver has to be Amazon's: the security group lets no DNS out to any other.
 */
export class Network extends ComponentResource {
  readonly subnetIds: Output<string[]>;
  readonly securityGroupId: Output<string>;

  constructor(name: string, args: NetworkArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Network', name, {}, opts);
    const { vpcId, subnetIds } =
      args.vpcId === null || args.subnetIds === null
        ? this.#ownVpc(name)
        : { vpcId: args.vpcId, subnetIds: [...args.subnetIds] };
    this.subnetIds = output(subnetIds);
    this.securityGroupId = this.#securityGroup(name, vpcId).id;
    this.registerOutputs({ subnetIds: this.subnetIds, securityGroupId: this.securityGroupId });
  }

  #ownVpc(name: string): { readonly vpcId: Output<string>; readonly subnetIds: Output<string>[] } {
    const opts = { parent: this };
    // Names of AWS, the venue and the registry are resolved by the VPC's own resolver.
    const vpc = new aws.ec2.Vpc(name, { cidrBlock: VPC_CIDR, enableDnsSupport: true, enableDnsHostnames: true }, opts);
    // Nothing is in it; without rules, what is ever put into it by mistake reaches nothing.
    new aws.ec2.DefaultSecurityGroup(`${name}-default`, { vpcId: vpc.id, ingress: [], egress: [] }, opts);
    const gateway = new aws.ec2.InternetGateway(name, { vpcId: vpc.id }, opts);
    const routes = new aws.ec2.RouteTable(name, { vpcId: vpc.id }, opts);
    new aws.ec2.Route(
      name,
      { routeTableId: routes.id, destinationCidrBlock: '0.0.0.0/0', gatewayId: gateway.id },
      opts,
    );
    const zones = aws.getAvailabilityZonesOutput(
      {
        state: 'available',
        // Not the local zones, which a user opts into.
        filters: [{ name: 'opt-in-status', values: ['opt-in-not-required'] }],
        excludeZoneIds: ZONES_WITHOUT_FARGATE,
      },
      opts,
    );
    const subnetIds = SUBNET_CIDRS.map((cidrBlock, index) => {
      const child = `${name}-${index + 1}`;
      const subnet = new aws.ec2.Subnet(
        child,
        {
          vpcId: vpc.id,
          cidrBlock,
          availabilityZone: zones.names.apply((names) => names[index]!),
          // The service asks for a public address itself; nothing else is to get one.
          mapPublicIpOnLaunch: false,
        },
        // A region that gains a zone would otherwise move the subnets under the running tasks.
        { ...opts, ignoreChanges: ['availabilityZone'] },
      );
      new aws.ec2.RouteTableAssociation(child, { subnetId: subnet.id, routeTableId: routes.id }, opts);
      return subnet.id;
    });
    return { vpcId: vpc.id, subnetIds };
  }

  /**
   * No ingress at all. DNS by Amazon's resolver and the task's credentials (169.254.170.2, port 80) need no rule: security
   * groups do not filter them. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
   */
  #securityGroup(name: string, vpcId: Input<string>): aws.ec2.SecurityGroup {
    return new aws.ec2.SecurityGroup(
      `${name}-producer`,
      {
        vpcId,
        description: 'Producer: out to 443 and 9443, nothing in',
        ingress: [],
        // The addresses of exchanges and of AWS change; the VPC has no IPv6.
        egress: EGRESS_PORTS.map((port) => ({
          description: `TCP ${port}`,
          protocol: 'tcp',
          fromPort: port,
          toPort: port,
          cidrBlocks: ['0.0.0.0/0'],
        })),
      },
      { parent: this },
    );
  }
}
