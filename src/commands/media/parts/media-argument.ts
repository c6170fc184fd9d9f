import { positional } from '../../../chat/command/arguments.ts';

export const mediaDescription = 'The mxc:// address of the file, or a link to download it';

/** One file, of this server or of another one. */
export const mediaArgument = positional('media', mediaDescription, { placeholder: 'MEDIA-LINK' });
