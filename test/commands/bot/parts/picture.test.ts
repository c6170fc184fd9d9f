import { expect, it } from 'vitest';

import { drawn, withPicture } from '../../../../src/commands/bot/parts/picture.ts';
import { render } from '../../../../src/matrix/delivery/content.ts';
import { createChartService } from '../../../../src/services/charts/chart-service.ts';

const described = { name: 'stats.png', description: 'Reports' };
const answer = { mark: 'ℹ️', title: ['12 items open'] } as const;
const spec = {
  data: { values: [{ a: 1 }] },
  mark: 'bar',
  encoding: { x: { field: 'a' } },
} as const;

it('a drawing that fails leaves the text, and one line says so', async () => {
  const file = new URL(`data:text/javascript,throw new Error('no font')`);
  const result = await drawn({ charts: createChartService({ file }) }, spec);
  const without = withPicture(answer, result, described);
  expect(without.file).toBeUndefined();
  expect(render(without, '!').body).toBe(
    'ℹ️ 12 items open\nNo picture: it couldn’t be drawn (no font).',
  );
});

it('a picture is sent as a file with its size and a description', async () => {
  const result = await drawn({ charts: createChartService() }, spec);
  const { file, body } = withPicture(answer, result, described);
  expect(body).toEqual([]);
  expect(file).toMatchObject({ ...described, contentType: 'image/png' });
  expect(
    Buffer.from(file?.content ?? '', 'base64')
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG');
});
