import { code, line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { cut } from '../../core/text.ts';
import type { Account } from '../../services/services.ts';

/** Says what an account's state makes of less than that; empty for one that is open. */
export function deactivatedAnyway({ deactivated }: Pick<Account, 'deactivated'>): Block[] {
  return deactivated ? [line('It is deactivated: nobody can use it anyway.')] : [];
}

/**
 * Says that this doesn't hold for users of an application service, who act by its token; empty for
 * others. Of all restrictions Synapse asks about suspension alone there.
 */
export function notForServices({
  name,
  appserviceId,
}: Pick<Account, 'appserviceId' | 'name'>): Block[] {
  return appserviceId === null
    ? []
    : [
        line(
          `It belongs to the application service ${cut(appserviceId)}, which can go on sending for it. What holds: `,
          code(`suspend ${quote(name)}`),
        ),
      ];
}
