import { flag } from '../../../chat/command/arguments.ts';
import { UsageError } from '../../../core/errors.ts';
import { parseMxcUri } from '../../../core/ids.ts';
import type { ExternalIdInput, ThreepidInput } from '../../../services/accounts/identities.ts';

/** The flags that creating and editing an account share. */
export const profileFlags = {
  displayname: flag('text', 'The display name', { placeholder: 'NAME' }),
  avatarUrl: flag('text', 'The avatar, as an mxc:// address', { placeholder: 'MXC' }),
  userType: flag('word', 'bot, support, or a type from the server’s configuration', {
    placeholder: 'TYPE',
  }),
  email: flag('word', 'An e-mail address; may be repeated', {
    many: true,
    personal: true,
    placeholder: 'ADDRESS',
  }),
  phone: flag('word', 'A phone number with country code; may be repeated', {
    many: true,
    personal: true,
    placeholder: 'NUMBER',
  }),
  externalId: flag('word', 'The login at an identity provider; may be repeated', {
    many: true,
    personal: true,
    placeholder: 'PROVIDER:ID',
  }),
} as const;

/** What the flags above hold. */
interface ProfileArguments {
  readonly displayname?: string | undefined;
  readonly avatarUrl?: string | undefined;
  readonly userType?: string | undefined;
  readonly email: readonly string[];
  readonly phone: readonly string[];
  readonly externalId: readonly string[];
}

const maxDisplaynameLength = 256;

/**
 * Refuses values that Synapse would refuse, or accept although they are wrong.
 *
 * @throws UsageError naming the value
 */
export function checkProfile(args: ProfileArguments): void {
  const { displayname, avatarUrl } = args;
  if (displayname !== undefined && displayname.length > maxDisplaynameLength) {
    throw new UsageError(`\`--displayname\` has ${displayname.length} characters.`, {
      word: displayname.slice(0, 40),
      advice: `The limit is ${maxDisplaynameLength}.`,
    });
  }
  if (avatarUrl !== undefined && avatarUrl !== '' && parseMxcUri(avatarUrl) === undefined) {
    throw new UsageError(`\`--avatar-url\`: \`${avatarUrl.slice(0, 80)}\` is not an mxc address.`, {
      word: avatarUrl,
      advice: 'Upload the image to a room and give `mxc://server/id`; `""` removes the avatar.',
    });
  }
  args.email.forEach(readEmail);
  args.phone.forEach(readPhone);
  args.externalId.forEach(readExternalId);
}

/**
 * Reads an address as Synapse stores and finds it: in lower case. Synapse folds letters other than ASCII
 * further (`ß` becomes `ss`) and drops some control characters, so the address would become somebody else's.
 */
export function readEmail(text: string): ThreepidInput {
  if (!/^[\x21-\x3f\x41-\x7e]+@[\x21-\x3f\x41-\x7e]+$/u.test(text)) {
    throw new UsageError(`\`${text}\` is not an e-mail address.`, {
      word: text,
      advice: 'It must contain one `@` and only ASCII letters, digits and symbols.',
    });
  }
  return { medium: 'email', address: text.toLowerCase() };
}

/** Digits with the country code; separators are removed. */
export function readPhone(text: string): ThreepidInput {
  const address = text.replaceAll(/[\s().-]/gu, '').replace(/^(?:\+|00)/u, '');
  if (!/^[1-9]\d{4,14}$/u.test(address)) {
    throw new UsageError(`\`${text}\` is not a phone number.`, {
      word: text,
      advice: 'Include the country code, e.g. `+447470274584`.',
    });
  }
  return { medium: 'msisdn', address };
}

/** `oidc-example:12345`; the ID itself may hold colons. */
export function readExternalId(text: string): ExternalIdInput {
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1) {
    throw new UsageError(`\`${text}\` is not in the form \`PROVIDER:ID\`.`, {
      word: text,
      advice: 'Use the provider’s name from the server’s configuration, e.g. `oidc-example:12345`.',
    });
  }
  return { authProvider: text.slice(0, colon), externalId: text.slice(colon + 1) };
}

/** `e-mail m@example.com` */
export function threepidText({ medium, address }: { medium: string; address: string }): string {
  return medium === 'email' ? `e-mail ${address}` : `phone ${address}`;
}

/** `12345 at oidc-example` */
export function externalIdText({ authProvider, externalId }: ExternalIdInput): string {
  return `${externalId} at ${authProvider}`;
}
