import { TargetError } from '../../core/errors.ts';
import { parseUserId } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { ExternalIdInput } from '../../homeserver/admin/users.ts';
import type { MasId } from '../../homeserver/mas/json-api.ts';
import type { MasApi } from '../../homeserver/mas/mas-api.ts';
import type { UpstreamProvider } from '../../homeserver/mas/upstream-links.ts';

/**
 * What people log in with besides ID and password: identities at other providers and e-mail addresses, which
 * MAS keeps. A provider can be named by its human-readable name, its brand, its issuer or its ID.
 */
export function createLogins(mas: MasApi, serverName: string) {
  async function providers(): Promise<UpstreamProvider[]> {
    return Array.fromAsync(mas.upstreamLinks.providers());
  }

  async function userOf(id: MasId | null): Promise<UserId | undefined> {
    const account = id === null ? undefined : await mas.users.find(id);
    return account === undefined ? undefined : parseUserId(`@${account.username}:${serverName}`);
  }

  return {
    /** The identities of an account at other providers. */
    async of(userId: MasId): Promise<{ authProvider: string; externalId: string }[]> {
      const links = await Array.fromAsync(mas.upstreamLinks.all({ userId }));
      if (links.length === 0) {
        return [];
      }
      const known = new Map((await providers()).map((one) => [one.id, nameOf(one)]));
      return links.map(({ providerId, subject }) => ({
        authProvider: known.get(providerId) ?? providerId,
        externalId: subject,
      }));
    },

    /** @throws TargetError MAS has no provider of this name */
    async assertKnown(identities: readonly ExternalIdInput[]): Promise<void> {
      if (identities.length > 0) {
        const known = await providers();
        identities.forEach(({ authProvider }) => providerNamed(known, authProvider));
      }
    },

    /** Makes these the only identities of an account at other providers. */
    async set(userId: MasId, identities: readonly ExternalIdInput[]): Promise<void> {
      const known = identities.length === 0 ? [] : await providers();
      const wanted = identities.map(({ authProvider, externalId }) => ({
        providerId: providerNamed(known, authProvider).id,
        subject: externalId,
      }));
      const isSame = (one: (typeof wanted)[number], other: (typeof wanted)[number]) =>
        one.providerId === other.providerId && one.subject === other.subject;
      const present = await Array.fromAsync(mas.upstreamLinks.all({ userId }));
      for (const link of present) {
        if (!wanted.some((one) => isSame(one, link))) {
          await mas.upstreamLinks.delete(link.id);
        }
      }
      for (const one of wanted) {
        if (!present.some((link) => isSame(one, link))) {
          await mas.upstreamLinks.create({ userId, ...one });
        }
      }
    },

    /** The account of a person whom a provider knows by this ID. */
    async findBySubject(provider: string, subject: string): Promise<UserId | undefined> {
      const wanted = (await providers()).filter((one) => isNamed(one, provider));
      for (const { id: providerId } of wanted) {
        for await (const { userId } of mas.upstreamLinks.all({ providerId, subject })) {
          return userOf(userId);
        }
      }
      return undefined;
    },

    /** The account with an e-mail address, also one that Synapse doesn't know. */
    async findByEmail(email: string): Promise<UserId | undefined> {
      for await (const { userId } of mas.userEmails.all({ email })) {
        return userOf(userId);
      }
      return undefined;
    },
  };
}

export type Logins = ReturnType<typeof createLogins>;

const nameOf = ({ id, humanName, issuer }: UpstreamProvider) => humanName ?? issuer ?? id;

function isNamed({ id, issuer, humanName, brandName }: UpstreamProvider, name: string): boolean {
  return [id, issuer, humanName, brandName].includes(name);
}

/** @throws TargetError */
function providerNamed(providers: readonly UpstreamProvider[], name: string): UpstreamProvider {
  const found = providers.find((one) => isNamed(one, name));
  if (found === undefined) {
    const names = providers.map((one) => `\`${nameOf(one)}\``).join(', ');
    throw new TargetError(
      'state',
      `the authentication service has no identity provider ${name}`,
      `Nothing was changed. ${names === '' ? 'It has none.' : `It has ${names}.`}`,
    );
  }
  return found;
}
