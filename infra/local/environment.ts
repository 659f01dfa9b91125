/** What the standard AWS variables say on one machine: services that ask for no real credentials. */
export const LOCAL_REGION = 'us-east-1';
export const LOCAL_ACCOUNT = '000000000000';

/** Takes the place of whatever profile the user's environment names: nothing local may reach a real account. */
export const LOCAL_AWS_ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_SESSION_TOKEN: '',
  AWS_REGION: LOCAL_REGION,
  AWS_PROFILE: '',
  AWS_ENDPOINT_URL: '',
  AWS_EC2_METADATA_DISABLED: 'true',
} as const;
