/**
 * What matrix-bot-sdk loads for parts that the bot doesn't use: application services, other storages, its
 * own HTTP, formatting. Loading them would take most of the start and a third of the memory.
 */
export const unusedPackages = [
  'another-json',
  'chalk',
  'express',
  'glob-to-regexp',
  'html-to-text',
  'htmlencode',
  'morgan',
  'postgres',
  'request',
  'sanitize-html',
];
