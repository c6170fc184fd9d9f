import { userInfo } from 'node:os';

import { count } from '../chat/answers/phrases.ts';
import { databasePlace } from '../config/database-place.ts';
import type { Config } from '../config/schema.ts';
import { ProtectedError, StoreError, UsageError } from '../core/errors.ts';
import { matchesGlob } from '../core/glob.ts';
import { parseUserId } from '../core/ids.ts';
import { createForgetService } from '../services/bot/forget-service.ts';
import { openStore } from '../store/store.ts';
import type { Output } from './output.ts';

/**
 * Removes a person from the database, while no bot uses it. Says what it would do unless `isMeant`.
 *
 * @throws UsageError `target` is not a user ID
 * @throws ProtectedError the configuration gives them a role, or protects them
 * @throws SetupError a bot uses the database, or it can't be opened
 * @throws TargetError something about them is not finished
 */
export async function forget(
  config: Pick<Config, 'database' | 'managementRoom' | 'protected' | 'roles'>,
  target: string,
  isMeant: boolean,
  output: Output,
): Promise<void> {
  const user = parseUserId(target);
  if (user === undefined) {
    throw new UsageError(`forget: ${target} is not @user:server.`);
  }
  const { viewer, moderator, admin } = config.roles;
  const isNamed = [viewer, moderator, admin].some(({ users }) => users.includes(user));
  if (isNamed || config.protected.users.some((glob) => matchesGlob(glob, user))) {
    throw new ProtectedError(
      `The configuration protects ${user} or gives them a role.`,
      'Nothing was changed.',
    );
  }
  const store = await openStore(databasePlace(config.database), {
    lock: isMeant,
    readonly: !isMeant,
    ifLocked: `Nothing was changed. Stop the bot first, or type \`!forget ${user}\` in the management room.`,
  });
  try {
    const service = createForgetService(store);
    const found = await service.find(user);
    const text = [
      `${count(found.entries, 'entry', 'entries')} of the audit log`,
      `${count(found.reports, 'row')} of reports`,
      count(found.others, 'other row'),
    ].join(', ');
    if (!isMeant) {
      await output(
        `${user} is named in ${text}.\nNothing was changed. To forget them for good, stop the bot and add --yes.\n`,
      );
      return;
    }
    const now = Date.now();
    const cause = `$ forget ${now}`;
    const intent = await store.transaction(async ({ auditLog }) =>
      auditLog.begin(
        {
          actor: `cli:${userInfo().username}`,
          command: 'forget',
          arguments: {},
          eventId: cause,
          roomId: config.managementRoom,
        },
        now,
      ),
    );
    const { as, notCompacted } = await service.forget({ user, event: cause, entry: intent, now });
    await store.transaction(async ({ auditLog }) =>
      auditLog.finish(
        intent,
        { status: notCompacted === undefined ? 'done' : 'partial', detail: { as } },
        Date.now(),
      ),
    );
    await output(`Forgotten: ${text}.\nIn their place now stands ${as} (audit entry ${intent}).\n`);
    if (notCompacted !== undefined) {
      throw new StoreError('the database file could not be rewritten', notCompacted);
    }
  } finally {
    await store.close();
  }
}
