// Paths are derived from the names, never stored; the last answer is kept with the inode.
import type { Inode } from './inode.ts';

export class Paths {
  /** Raised when a directory moves: every path that was kept is void. */
  private epoch = 0;

  /** The inode has another name now: if it is a directory, so has everything below it. */
  moved(inode: Inode): void {
    if (inode.directory) this.epoch++;
  }

  /** A name of the inode is gone. A directory that is removed has nothing below it. */
  removed(inode: Inode): void {
    inode.cachedPath = undefined;
  }

  /** One of the inode's paths from the root on, which is '/'. Undefined for what has no name any more. */
  of(inode: Inode): string | undefined {
    if (inode.cachedPath !== undefined && inode.cachedPathEpoch === this.epoch) return inode.cachedPath;
    const path = this.derive(inode);
    inode.cachedPath = path;
    inode.cachedPathEpoch = this.epoch;
    return path;
  }

  private derive(inode: Inode): string | undefined {
    if (inode.parent === inode) return '/';
    const { link } = inode;
    if (!link?.parent) return undefined;
    const above = this.of(link.parent);
    if (above === undefined) return undefined;
    return above === '/' ? `/${link.name}` : `${above}/${link.name}`;
  }
}
