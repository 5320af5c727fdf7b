// Names of trees, and which database each of them has.

const PREFIX = 'virtio-fs-lab:';

/** Name of the database that the tree of a name has as long as none of another name has it. */
export const databaseName = (tree: string): string => `${PREFIX}${tree}`;
