/**
 * The categories of the European Commission's DSA Transparency Database, in the schema that has been in force
 * since July 2025, with the words that put a reason into one. The texts of reasons are personal: nothing but
 * the category of a reason is ever reported.
 * https://transparency.dsa.ec.europa.eu/page/api-documentation
 */

interface CategoryRule {
  readonly code: string;
  readonly title: string;
  /** Words and beginnings of words (`…*`), in lower case. The first category with one of them applies. */
  readonly words: readonly string[];
}

/** The graver a matter, the earlier it stands: `csam spam` is about minors. */
export const categoryRules = [
  {
    code: 'STATEMENT_CATEGORY_PROTECTION_OF_MINORS',
    title: 'Protection of minors',
    words: [
      'csam',
      'csem',
      'child*',
      'minor',
      'minors',
      'underage*',
      'grooming',
      'pedo*',
      'paedo*',
    ],
  },
  {
    code: 'STATEMENT_CATEGORY_SELF_HARM',
    title: 'Self-harm',
    words: ['suicid*', 'self-harm*', 'selfharm*', 'self harm', 'eating disorder'],
  },
  {
    code: 'STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY',
    title: 'Risk for public security',
    words: ['terror*', 'extremis*', 'bomb*'],
  },
  {
    code: 'STATEMENT_CATEGORY_VIOLENCE',
    title: 'Violence',
    words: ['violen*', 'gore', 'threat', 'threats', 'threaten*', 'murder*', 'death threat*'],
  },
  {
    code: 'STATEMENT_CATEGORY_CYBER_VIOLENCE',
    title: 'Cyber violence',
    words: [
      'harass*',
      'bully*',
      'cyberbully*',
      'stalk*',
      'doxx*',
      'dox',
      'doxing',
      'revenge porn',
      'sextort*',
    ],
  },
  {
    code: 'STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH',
    title: 'Illegal or harmful speech',
    words: [
      'hate',
      'hateful',
      'hatred',
      'racis*',
      'nazi*',
      'antisemit*',
      'homophob*',
      'transphob*',
      'slur',
      'slurs',
      'insult*',
      'defam*',
      'libel*',
      'discriminat*',
      'abuse',
      'abusive',
    ],
  },
  {
    code: 'STATEMENT_CATEGORY_SCAMS_AND_FRAUD',
    title: 'Scams and fraud',
    words: [
      'scam*',
      'fraud*',
      'phish*',
      'impersonat*',
      'fake account*',
      'crypto',
      'ponzi',
      'malware',
      'virus',
    ],
  },
  {
    code: 'STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS',
    title: 'Unsafe, non-compliant or prohibited products',
    words: ['drug', 'drugs', 'weapon*', 'counterfeit*'],
  },
  {
    code: 'STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS',
    title: 'Intellectual property infringements',
    words: ['copyright*', 'piracy', 'pirated', 'trademark*', 'dmca'],
  },
  {
    code: 'STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS',
    title: 'Data protection and privacy violations',
    words: ['privacy', 'personal data', 'gdpr', 'leaked data'],
  },
  {
    code: 'STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS',
    title: 'Negative effects on civic discourse or elections',
    words: ['disinformation', 'misinformation', 'election*', 'propaganda'],
  },
  {
    code: 'STATEMENT_CATEGORY_CONSUMER_INFORMATION',
    title: 'Consumer information infringements',
    words: ['hidden advert*', 'fake review*'],
  },
  {
    code: 'STATEMENT_CATEGORY_ANIMAL_WELFARE',
    title: 'Animal welfare',
    words: ['animal*'],
  },
  {
    code: 'STATEMENT_CATEGORY_OTHER_VIOLATION_TC',
    title: 'Other violation of the provider’s terms and conditions',
    words: [
      'spam*',
      'flood*',
      'advert*',
      'off-topic',
      'off topic',
      'nsfw',
      'porn*',
      'nude*',
      'nudity',
      'sexual*',
      'troll*',
      'raid*',
      'bot',
      'bots',
      'evasion',
      'rule',
      'rules',
    ],
  },
] as const satisfies readonly CategoryRule[];

/** Of reasons that are missing, or have none of the words. */
export const unspecified = {
  code: 'STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE',
  title: 'Other or not specified',
} as const;

export type CategoryCode = (typeof categoryRules)[number]['code'] | typeof unspecified.code;

function patternOf(words: readonly string[]): RegExp {
  const alternatives = words.map((word) =>
    word.endsWith('*') ? word.slice(0, -1) : `${word}(?![\\p{L}\\p{N}])`,
  );
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${alternatives.join('|')})`, 'u');
}

const patterns = categoryRules.map(({ code, words }) => ({ code, pattern: patternOf(words) }));

/** The category of a reason that somebody wrote. */
export function categoryOf(reason: string | null): CategoryCode {
  const text = (reason ?? '').normalize('NFKC').toLowerCase();
  return patterns.find(({ pattern }) => pattern.test(text))?.code ?? unspecified.code;
}
