import { positional } from '../../../chat/command/arguments.ts';

/** One file, of this server or of another one. */
export const mediaArgument = positional(
  'media',
  'The mxc:// address of the file, or a link to download it',
  { placeholder: 'MEDIA-LINK' },
);
