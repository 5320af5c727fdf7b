// What a change by an ordinary user does to the bits that give rights (HANDLE_KILLPRIV_V2; fs/inode.c file_remove_privs).
import type { Inode } from '../tree/inode.ts';
import { S_IFDIR, S_IFMT, S_ISGID } from '../tree/mode.ts';
import { S_ISUID, S_IXGRP } from './linux.ts';
import type { Session } from './session.ts';

export const CAPABILITY = 'security.capability';

/** The mode without set-user-id, and without set-group-id where the group may execute (else it means locking). */
export const withoutSetId = (mode: number): number => mode & ~(mode & S_IXGRP ? S_ISUID | S_ISGID : S_ISUID);

/**
 * Content or owner of an inode changes: file capabilities go always, set-id bits where the guest says so (`kill`).
 * Directories keep theirs.
 */
export function killPrivileges(session: Session, inode: Inode, kill: boolean): void {
  if (!session.killpriv || (inode.mode & S_IFMT) === S_IFDIR) return;
  session.tree.strip(inode, kill ? withoutSetId(inode.mode) : inode.mode, CAPABILITY);
}
