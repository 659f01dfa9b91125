/** One role an actor, with the actions and resources that it needs listed. */
import * as aws from '@pulumi/aws';
import { all, type Input, jsonStringify, type Output, type Resource } from '@pulumi/pulumi';

/** What a role may do. `resources` holds ARNs; `*` only where AWS has nothing finer, and then with its `reason`. */
export interface Statement {
  readonly sid: string;
  readonly actions: readonly string[];
  readonly resources: Input<Input<string>[]>;
  readonly condition?: Readonly<Record<string, Readonly<Record<string, Input<string> | Input<string>[]>>>>;
  /** Why `*` stands in `resources`; not part of the document. */
  readonly reason?: string;
}

export interface RoleArgs {
  /** The service that takes the role: `lambda.amazonaws.com`. */
  readonly service: string;
  readonly description: string;
  readonly statements: readonly Statement[];
  /** Of the trust: which caller the service may take the role for. */
  readonly trustCondition?: Statement['condition'];
}

export interface ActorRole {
  readonly name: Output<string>;
  /** Known once its policy is in force: AWS refuses to create some actors whose role may not yet do what they need. */
  readonly arn: Output<string>;
}

/** A role and its one inline policy. */
export function createRole(name: string, args: RoleArgs, parent: Resource): ActorRole {
  requireReasons(args.statements);
  const role = new aws.iam.Role(
    name,
    {
      description: args.description,
      assumeRolePolicy: jsonStringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: args.service },
            Action: 'sts:AssumeRole',
            ...(args.trustCondition && { Condition: args.trustCondition }),
          },
        ],
      }),
    },
    { parent },
  );
  const policy = new aws.iam.RolePolicy(name, { role: role.name, policy: policyOf(args.statements) }, { parent });
  return { name: role.name, arn: all([role.arn, policy.id]).apply(([arn]) => arn) };
}

/** The policy's document as JSON. */
export function policyOf(statements: readonly Statement[]) {
  return jsonStringify({
    Version: '2012-10-17',
    Statement: statements.map(({ sid, actions, resources, condition }) => ({
      Sid: sid,
      Effect: 'Allow',
      Action: actions,
      Resource: resources,
      ...(condition && { Condition: condition }),
    })),
  });
}

function requireReasons(statements: readonly Statement[]): void {
  for (const { sid, resources, reason } of statements) {
    if (Array.isArray(resources) && resources.includes('*') && reason === undefined) {
      throw new TypeError(`the statement ${sid} allows every resource without a reason`);
    }
  }
}
