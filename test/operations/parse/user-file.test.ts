import { expect, test } from 'vitest';

import { UsageError } from '../../../src/core/errors.ts';
import { readUserFile } from '../../../src/operations/parse/user-file.ts';

const read = (text: string) => [...readUserFile(text, 'example.com').lines];

test.for([
  ['one a line', '@a:example.com\n@b:example.com\n', 'a 1, b 2'],
  ['line ends of all systems, and a byte order mark', '\uFEFFa\r\nb\r\rc', 'a 1, b 2, c 4'],
  ['several a line', 'a, b; c\n\nd', 'a 1, b 1, c 1, d 3'],
  ['a link', 'https://matrix.to/#/@a:example.com', 'a 1'],
  ['IDs and links on one line', '@a:example.com https://matrix.to/#/@b:example.com', 'a 1, b 1'],
  ['an ID twice', 'a\nb\na', 'a 1, b 2'],
  ['a column user_id', 'name,user_id,age\nAnn,@a:example.com,3\nBob,@b:example.com,4', 'a 2, b 3'],
  ['a column mxid behind tabs', 'n\tMXID\nAnn\ta\n', 'a 2'],
  ['a column alone', 'user\na\nb', 'a 2, b 3'],
  ['no known column', 'account;since\n@a:example.com;1\n', 'a 2'],
  ['quotes', 'note,user\n"hello, ""you""\nthere",@a:example.com\nx,@b:example.com', 'a 2, b 4'],
  ['what protects spreadsheets', "user_id,state\n'@a:example.com,active", 'a 2'],
  ['what is done already', 'user_id,step,status\na,x,done\na,y,left out\nb,x,done', 'a 3'],
  ['what is done by a tool of their own', 'user_id,status\na,done', 'a 2'],
  ['the target of an audit export', 'id,target,actor\n1,@a:example.com,@b:example.com', 'a 2'],
  ['comments', '# the wave\n@a:example.com\n#@b:example.com\n\n# end\nc\n', 'a 2, c 6'],
  [
    'comments around a header',
    '# export\nuser_id,state\n#@a:example.com,x\n@b:example.com,y',
    'b 4',
  ],
  ['a column #', '#,user_id\n1,@a:example.com\n2,@b:example.com', 'a 2, b 3'],
  [
    'CSV, a byte order mark and line ends of Windows',
    '\uFEFFuser_id,name\r\na,A\r\nb,B\r\n',
    'a 2, b 3',
  ],
  ['several columns that may hold users', 'username,user_id\nx,@a:example.com', 'a 2'],
  ['an ID in front of a user name', 'matrix_id;username\n@a:example.com;x', 'a 2'],
  ['an empty cell', 'user_id,state\n,active\na,active', 'a 3'],
])('a file with %s', ([, text, expected]) => {
  const found = read(text ?? '').map(([user, line]) => `${user.slice(1).split(':', 1)[0]} ${line}`);
  expect(found.join(', ')).toBe(expected);
});

test('of what is done already, counts the accounts that are not taken', () => {
  const done = (text: string) => readUserFile(text, 'example.com').done;
  expect(done('user_id,step,status\na,x,done\na,y,left out\nb,x,done\nb,y,done\nc,x,done')).toBe(2);
  expect(done('user_id,status\na,done')).toBe(0);
  expect(done('a\nb')).toBe(0);
});

const problem = (text: string) => {
  try {
    read(text);
  } catch (error) {
    return error instanceof UsageError ? error.message : String(error);
  }
  return undefined;
};

test('a file in which all is done is not said to be empty', () => {
  expect(problem('user_id,step,status\na,x,done\na,y,done\nb,x,done')).toBe(
    'The file says that all 2 accounts are done.',
  );
  expect(problem('user_id,step,status\na,x,done')).toBe(
    'The file says that its only account is done.',
  );
});

test('a line that is not a user is named', () => {
  expect(problem('@a:example.com\n!room:example.com\n')).toBe(
    'Line 2 of the file is not a user: `!room:example.com`.',
  );
  expect(problem('name,user_id\nAnn,@a:example.com\n\nBob,#b:example.com')).toContain('Line 4 ');
});

test('words next to an ID are not taken for users: a display name could be anybody’s username', () => {
  const why = 'Line 2 of the file has the ID of a user and something else: ';
  expect(problem('@a:example.com\n@b:example.com,ann')).toBe(`${why}\`ann\`.`);
  expect(problem('@a:example.com\nann\t@b:example.com')).toBe(`${why}\`ann\`.`);
  expect(problem('a, b\n- https://matrix.to/#/@b:example.com')).toBe(`${why}\`-\`.`);
});

test('a quote that is not closed is refused, because it hides the lines after it', () => {
  const text = 'user_id,note\n@a:example.com,x\n@b:example.com,"oops\n@c:example.com,y\n';
  expect(problem(text)).toBe('Line 3 of the file has a quote that is not closed.');
  expect(read(text.replace('oops', 'oops"'))).toHaveLength(3);
});

test('a header without a column for users is refused, and says which names are known', () => {
  for (const text of [
    'name,address\nAnn,@a:example.com',
    'name;address\r\nAnn;@a:example.com\r\n',
    `# export\nname\taddress\nAnn\t'@a:example.com`,
  ]) {
    expect(problem(text)).toBe(
      'The file has the columns name, address, and I don’t know which holds the users.',
    );
  }
  const many = Array.from({ length: 500 }, (_, at) => `column${at}`);
  expect((problem(`${many.join(',')}\n,@a:example.com`) ?? '').length).toBeLessThan(400);
});

test('an empty file and one that is too long are refused', () => {
  expect(problem(' \n\n')).toBe('The file contains no users.');
  expect(problem('user_id\n')).toBe('The file contains no users.');
  expect(problem('# nobody yet\n')).toBe('The file contains no users.');
  const many = (count: number) => Array.from({ length: count }, (_, at) => `u${at}`).join('\n');
  expect(read(many(10_000))).toHaveLength(10_000);
  expect(problem(many(10_001))).toBe('The file has 10,001 users.');
});

test('reading a file of the size limit takes no more than grows with its size', () => {
  for (const text of ['"'.repeat(2 ** 21), 'user_id,"\n'.repeat(2e5), 'a,'.repeat(2 ** 20)]) {
    // Of the processor, which others use as well. What grows with the square of the size takes minutes.
    const before = process.cpuUsage();
    problem(text);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(5000);
  }
});
