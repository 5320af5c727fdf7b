// Paths are derived from the names, never stored; the last answer is kept with the inode.
import type { Inode } from './inode.ts';
import { PATH_MAX } from './mode.ts';

/** Names that a path below PATH_MAX can have. */
const DEPTH_MAX = PATH_MAX / 2;

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

  /** One of the inode's paths from the root on, which is '/'. Undefined for what has no name any more, or lies too deep. */
  of(inode: Inode): string | undefined {
    // Directories above it whose paths are not known, the nearest first. A loop: a guest can nest without end.
    const unknown: Inode[] = [];
    let at = inode;
    while (this.known(at) === undefined && at.parent !== at) {
      const above = at.link?.parent;
      if (!above || unknown.length === DEPTH_MAX) return undefined;
      unknown.push(at);
      at = above;
    }
    let path = this.known(at) ?? '/';
    for (const below of unknown.reverse()) {
      path = path === '/' ? `/${below.link?.name}` : `${path}/${below.link?.name}`;
      if (path.length >= PATH_MAX) return undefined;
      below.cachedPath = path;
      below.cachedPathEpoch = this.epoch;
    }
    return path;
  }

  private known(inode: Inode): string | undefined {
    return inode.cachedPathEpoch === this.epoch ? inode.cachedPath : undefined;
  }
}
