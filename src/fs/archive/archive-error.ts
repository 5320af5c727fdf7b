// Why an archive cannot be read on.

export type ArchiveErrorCode =
  /** What it begins with is no tar header. */
  | 'no-archive'
  /** A header or the compression makes no sense, and where the next entry begins is not known. */
  | 'damaged'
  /** It ends in the middle of an entry. */
  | 'cut'
  /** The tree has no room for what is in it. */
  | 'full';

/** The message is for people. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
  readonly code: ArchiveErrorCode;
  constructor(code: ArchiveErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
