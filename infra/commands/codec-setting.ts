/** `--codec NAME`, the compression of the container files. */
import { oneOf, type Setting } from '../../producer/config.ts';
import { CODECS, type Codec } from '../../transformer/codec.ts';

export const codecSetting = {
  flag: 'codec',
  argument: '<name>',
  help: `Compression of the container files: ${CODECS.join(', ')}`,
  default: 'deflate',
  parse: oneOf(CODECS),
} as const satisfies Setting<Codec>;
