import { bold, line } from '../../../chat/answers/answer.ts';
import type { Block } from '../../../chat/answers/answer.ts';
import { inert } from '../../../chat/answers/untrusted-text.ts';
import { cut } from '../../../core/text.ts';
import type { AccountEdit, EditedField } from '../../../services/accounts/account-edit.ts';
import type { Account } from '../../../services/services.ts';
import { externalIdText } from './profile-flags.ts';

const titles: Record<EditedField, string> = {
  reactivate: 'State',
  admin: 'Server admin',
  userType: 'Type',
  displayname: 'Name',
  avatarUrl: 'Avatar',
  emails: 'E-mail',
  phones: 'Phone',
  externalIds: 'Logs in as',
};

/** The name of a field, for people. */
export function fieldTitle(field: EditedField): string {
  return titles[field];
}

/** The values that an edit changes, before and after: `Name: Mal → Mallory`. */
export function changesList(
  account: Account,
  edit: AccountEdit,
  fields: readonly EditedField[],
): Block {
  return {
    kind: 'list',
    items: fields.map((field) => {
      const [before, after] = valuesOf(account, edit, field);
      // A name is whatever its owner likes.
      const safe = field === 'displayname' ? inert : cut;
      return [`${titles[field]}: ${safe(shown(before), 200)} → `, bold(safe(shown(after), 200))];
    }),
  };
}

const replaced: Partial<Record<EditedField, string>> = {
  emails: 'e-mail addresses',
  phones: 'phone numbers',
  externalIds: 'logins at identity providers',
};

/** Says that lists are replaced and not added to; empty if nothing is lost. */
export function replacesLine(account: Account, fields: readonly EditedField[]): Block[] {
  const lists = fields
    .filter((field) => shown(valuesOf(account, {}, field)[0]) !== 'none')
    .flatMap((field) => replaced[field] ?? []);
  return lists.length === 0 ? [] : [line(`Replaces all ${lists.join(', all ')}.`)];
}

function shown(value: string | null | undefined): string {
  return value === null || value === undefined || value === '' ? 'none' : value;
}

type Value = string | null | undefined;

function valuesOf(account: Account, edit: AccountEdit, field: EditedField): [Value, Value] {
  const addresses = (medium: string) =>
    account.threepids
      .filter((one) => one.medium === medium)
      .map(({ address }) => address)
      .sort()
      .join(', ');
  switch (field) {
    case 'reactivate':
      return ['deactivated', 'active'];
    case 'admin':
      return [yesOrNo(account.admin), yesOrNo(edit.admin)];
    case 'userType':
      return [account.userType, edit.userType];
    case 'displayname':
      return [account.displayname, edit.displayname];
    case 'avatarUrl':
      return [account.avatarUrl, edit.avatarUrl];
    case 'emails':
      return [
        addresses('email'),
        edit.emails
          ?.map(({ address }) => address)
          .sort()
          .join(', '),
      ];
    case 'phones':
      return [
        addresses('msisdn'),
        edit.phones
          ?.map(({ address }) => address)
          .sort()
          .join(', '),
      ];
    case 'externalIds':
      return [
        account.externalIds.map(externalIdText).join(', '),
        edit.externalIds?.map(externalIdText).join(', '),
      ];
  }
}

function yesOrNo(value: boolean | undefined): string {
  return value === true ? 'yes' : 'no';
}
