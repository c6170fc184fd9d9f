import { code } from '../../chat/answers/answer.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { cut } from '../../core/text.ts';

export default defineCommand({
  name: 'quarantine-changes',
  synonyms: ['quarantine-log', 'quarantined-files'],
  summary: 'Lists which files were quarantined and released, the newest first',
  doesNot: [
    'show when, or by whom: Synapse doesn’t tell (see !audit for what this bot did)',
    'list files that Synapse quarantined because they equal one that was quarantined before',
  ],
  args: listFlags,
  danger: 'read',
  example: 'quarantine-changes',
  endpoints: ['GET /_synapse/admin/v1/media/quarantine_changes'],
  check: checkOffset,
  run: async ({ args, services }) => pageOf(await services.media.quarantineChanges(), args),
  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'change',
      of: [' of quarantines'],
      nothing: ['No file was ever quarantined or released'],
      columns: [
        {
          title: 'File',
          name: 'mxc_uri',
          show: ({ origin, mediaId }) => [code(cut(`mxc://${origin}/${mediaId}`, 255))],
          value: ({ origin, mediaId }) => `mxc://${origin}/${mediaId}`,
        },
        {
          title: 'Change',
          name: 'quarantined',
          show: ({ quarantined }) => [quarantined ? 'quarantined' : 'released'],
          value: ({ quarantined }) => quarantined,
        },
      ],
    }),
});
