import type { Context } from '../../../chat/command/declaration.ts';
import { TargetError } from '../../../core/errors.ts';

/**
 * Another server, as this one knows it.
 *
 * @throws TargetError this server has never talked to it
 */
export async function requireServer(
  { services: { server }, prefix }: Pick<Context, 'services' | 'prefix'>,
  name: string,
) {
  const found = await server.findServer(name);
  if (found !== undefined) {
    return found;
  }
  const similar = await server.otherServers({ destination: name, limit: 3 }).page();
  throw new TargetError(
    'unknown',
    `this server has never communicated with ${name}`,
    similar.rows.length === 0
      ? `See \`${prefix}federation\`.`
      : `Did you mean ${similar.rows.map(({ destination }) => `\`${destination}\``).join(', ')}?`,
  );
}
