import type { Fault, Query } from '../pages/query.ts';
import { address, link } from './components.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';

/** A field of such a form: a parameter of the address. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly placeholder?: string;
  /** Some values that may be typed. */
  readonly suggestions?: readonly string[];
  /** All values, besides none. */
  readonly choices?: readonly string[];
  /** What no choice means. */
  readonly all?: string;
  readonly isShort?: boolean;
}

/** A form that narrows a list. */
export function filterForm(options: {
  readonly path: string;
  readonly query: Query;
  readonly fields: readonly Field[];
  readonly fault: Fault | undefined;
}): Html {
  const { path, query, fields, fault } = options;
  const word = fault?.word;
  const wrong =
    word === undefined
      ? undefined
      : fields.find(({ name }) => word === query.text(name) || word === `--${name}`);
  const isFiltered = fields.some(({ name }) => query.text(name) !== '');
  return html`${fault !== undefined && html`<p class="fault" id="fault" role="alert">${fault.text}</p>`}
    <form class="filters" method="get" action="${path}" role="search" aria-label="Filters">
      ${fields.map(
        (field) =>
          html`<label${field.isShort === true && html` class="short"`}>${field.label}${control(field, query.text(field.name), field === wrong)}</label>
`,
      )}
      <button type="submit">Filter</button>
      ${isFiltered && link(path, 'Clear')}
    </form>`;
}

function control(field: Field, value: string, isWrong: boolean): Html {
  const { name, placeholder, suggestions, choices, all = 'any' } = field;
  const mark = isWrong && html` aria-invalid="true" aria-describedby="fault"`;
  if (choices !== undefined) {
    return html`<select name="${name}" ${mark}>
      <option value="">${all}</option>
      ${choices.map(
        (choice) =>
          html`<option value="${choice}" ${choice === value && html` selected`}>
            ${choice.replaceAll('_', ' ')}
          </option>`,
      )}
    </select>`;
  }
  const list = suggestions === undefined ? undefined : `${name}-suggestions`;
  return html`<input
      name="${name}"
      value="${value}"
      maxlength="300"
      autocomplete="off"
      autocapitalize="none"
      spellcheck="false"
      ${
        placeholder !== undefined && html` placeholder="${placeholder}"`
      }${list !== undefined && html` list="${list}"`}
      ${mark}
    />${
      list !== undefined &&
      html`<datalist id="${list}">
        ${suggestions?.map((one) => html`<option value="${one}"></option>`)}
      </datalist>`
    }`;
}

/** The parameters of these fields, for links to other pages of the list. */
export function addressWith(
  path: string,
  query: Query,
  names: readonly string[],
  more: Readonly<Record<string, string | undefined>> = {},
): string {
  return address(path, {
    ...Object.fromEntries(names.map((name) => [name, query.text(name)])),
    ...more,
  });
}
