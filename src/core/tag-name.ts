/** How tags may be called: moderators type these names, and rules hold them. */
export const tagNamePattern = /^(?=.*[a-z0-9])[a-z0-9-]{1,32}$/u;

/** What a tag's name must be, as the end of a sentence. */
export const tagNameRule =
  'lower-case letters, digits and -, with a letter or a digit, at most 32 characters';
