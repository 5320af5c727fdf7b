// SPDX-License-Identifier: MIT
/*
 * lab-calls: makes the system calls that it is told, and says what each of them gave.
 *
 * Standard input: one call a line, its name and its arguments. Standard output: one line a call, "ok", a number, what
 * was read, or the name of the error. Arguments and output are bytes written like this: letters, digits and -._/+=,:@|
 * stand for themselves, others are %XX, {N*C} is N times C, '' is nothing. Numbers are as in C; flags and file types
 * are names of the C library joined by |. A letter names an open file.
 *
 * "repeat FROM TO STEP CALL ARGUMENTS" makes a call for each number from FROM on that is below TO, with the number in
 * place of each @ in the arguments; its answers are in one line.
 * "begin NAME" starts in a fresh directory NAME below the one that the program was started in, as root, with umask 0
 * and no file open; "end" removes the directory. A call that takes more than a minute ends the program.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#define _TIME_BITS 64
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ARGS = 12, ROOM = 1 << 20, FILES = 26 };

struct bytes {
  char *at;
  size_t length;
};

static struct bytes args[MAX_ARGS];
static int files[FILES];
static int base;
static char room[ROOM];

/* --- text ------------------------------------------------------------------------------------------------------ */

static void die(const char *what) {
  fprintf(stderr, "lab-calls: %s\n", what);
  exit(2);
}

static bool plain(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._/+=,:@|", c));
}

static void put_char(unsigned char c) {
  if (plain(c))
    putchar(c);
  else
    printf("%%%02X", c);
}

static void put_bytes(const char *at, size_t length) {
  if (length == 0) printf("''");
  for (size_t i = 0; i < length;) {
    size_t run = 1;
    while (i + run < length && at[i + run] == at[i]) run++;
    if (run >= 8) {
      printf("{%zu*", run);
      put_char(at[i]);
      putchar('}');
    } else
      for (size_t k = 0; k < run; k++) put_char(at[i]);
    i += run;
  }
}

static int hex(char c) { return c <= '9' ? c - '0' : c - 'A' + 10; }

static char take_char(const char **text) {
  char c = **text;
  if (c != '%') {
    *text += 1;
    return c;
  }
  c = hex((*text)[1]) << 4 | hex((*text)[2]);
  *text += 3;
  return c;
}

/* The bytes that a token stands for, with a NUL behind them. */
static struct bytes decode(const char *text) {
  struct bytes to = {malloc(1), 0};
  if (strcmp(text, "''") == 0) text = "";
  while (*text) {
    size_t run = 1;
    bool many = *text == '{';
    if (many) {
      run = strtoul(text + 1, (char **)&text, 10);
      text++;
    }
    char c = take_char(&text);
    if (many) text++;
    to.at = realloc(to.at, to.length + run + 1);
    memset(to.at + to.length, c, run);
    to.length += run;
  }
  to.at[to.length] = 0;
  return to;
}

/* --- arguments ------------------------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  unsigned value;
} names[] = {
#define N(name) {#name, name}
    N(O_RDONLY), N(O_WRONLY), N(O_RDWR), N(O_CREAT), N(O_EXCL), N(O_TRUNC), N(O_APPEND), N(O_NONBLOCK), N(O_DIRECTORY),
    N(O_NOFOLLOW), N(O_PATH), N(O_TMPFILE), N(O_NOATIME), N(O_SYNC), N(O_CLOEXEC), N(AT_SYMLINK_NOFOLLOW),
    N(AT_SYMLINK_FOLLOW), N(AT_EMPTY_PATH), N(AT_EACCESS), N(RENAME_NOREPLACE), N(RENAME_EXCHANGE), N(RENAME_WHITEOUT),
    N(FALLOC_FL_KEEP_SIZE), N(FALLOC_FL_PUNCH_HOLE), N(FALLOC_FL_ZERO_RANGE), N(FALLOC_FL_COLLAPSE_RANGE),
    N(FALLOC_FL_INSERT_RANGE), N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), N(SEEK_DATA), N(SEEK_HOLE), N(XATTR_CREATE),
    N(XATTR_REPLACE), N(S_IFREG), N(S_IFDIR), N(S_IFLNK), N(S_IFIFO), N(S_IFSOCK), N(S_IFCHR), N(S_IFBLK), N(R_OK),
    N(W_OK), N(X_OK), N(F_OK),
#undef N
};

static char *text(int i) { return args[i].at ? args[i].at : ""; }

static long long number(int i) {
  char *end;
  long long value = strtoll(text(i), &end, 0);
  if (*end || end == text(i)) die("no number");
  return value;
}

static unsigned flags(int i) {
  unsigned all = 0;
  for (char *save, *word = strtok_r(text(i), "|", &save); word; word = strtok_r(NULL, "|", &save)) {
    size_t k = 0;
    while (k < sizeof names / sizeof *names && strcmp(names[k].name, word) != 0) k++;
    if (k < sizeof names / sizeof *names)
      all |= names[k].value;
    else if (*word >= '0' && *word <= '9')
      all |= strtoul(word, NULL, 0);
    else
      die(word);
  }
  return all;
}

static int *slot(int i) {
  char c = *text(i);
  if (c < 'a' || c > 'z') die("no open file is called so");
  return &files[c - 'a'];
}

static int fd(int i) { return *slot(i); }

static struct timespec stamp(int i) {
  if (strcmp(text(i), "now") == 0) return (struct timespec){.tv_nsec = UTIME_NOW};
  if (strcmp(text(i), "omit") == 0) return (struct timespec){.tv_nsec = UTIME_OMIT};
  char *rest;
  struct timespec at = {.tv_sec = strtoll(text(i), &rest, 10)};
  at.tv_nsec = strtol(rest + 1, NULL, 10);
  return at;
}

/* --- results --------------------------------------------------------------------------------------------------- */

static void failed(void) {
  const char *name = strerrorname_np(errno);
  printf("%s", name ? name : "?");
}

static void done(long long result) {
  if (result < 0)
    failed();
  else
    printf("ok");
}

static void counted(long long result) {
  if (result < 0)
    failed();
  else
    printf("%lld", result);
}

static void taken(ssize_t length) {
  if (length < 0)
    failed();
  else
    put_bytes(room, length);
}

static void put_stat(int result, const struct stat *st) {
  if (result < 0) {
    failed();
    return;
  }
  printf("mode=%06o nlink=%u uid=%u gid=%u rdev=%u:%u size=%lld blocks=%lld ino=%llu", st->st_mode,
         (unsigned)st->st_nlink, st->st_uid, st->st_gid, major(st->st_rdev), minor(st->st_rdev), (long long)st->st_size,
         (long long)st->st_blocks, (unsigned long long)st->st_ino);
  printf(" atime=%lld.%09ld mtime=%lld.%09ld ctime=%lld.%09ld", (long long)st->st_atim.tv_sec, st->st_atim.tv_nsec,
         (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

/* --- calls ----------------------------------------------------------------------------------------------------- */

static int root(void) {
  if (seteuid(0) || setegid(0) || setgroups(0, NULL)) die("root is not to be had");
  return 0;
}

static void call_as(void) {
  root();
  gid_t groups[MAX_ARGS];
  int count = 0;
  for (int i = 3; i < MAX_ARGS && args[i].at; i++) groups[count++] = number(i);
  done(setgroups(count, groups) || setegid(number(2)) || seteuid(number(1)) ? -1 : 0);
}

/* What the letter meant before is closed. */
static void call_open(void) {
  if (fd(1) >= 0) close(fd(1));
  *slot(1) = open(text(2), flags(3), (mode_t)number(4));
  done(fd(1));
}

static void call_close(void) {
  done(close(fd(1)));
  *slot(1) = -1;
}

/* A file with some content, closed. */
static void call_file(void) {
  int at = open(text(1), O_WRONLY | O_CREAT | O_EXCL, (mode_t)number(2));
  if (at >= 0 && write(at, args[3].at, args[3].length) != (ssize_t)args[3].length) die("a short write");
  done(at < 0 ? -1 : close(at));
}

static void call_cat(void) {
  int at = open(text(1), O_RDONLY);
  ssize_t length = at < 0 ? -1 : read(at, room, ROOM);
  if (at >= 0) close(at);
  taken(length);
}

static void call_read(void) { taken(read(fd(1), room, number(2))); }
static void call_pread(void) { taken(pread(fd(1), room, number(2), number(3))); }
static void call_write(void) { counted(write(fd(1), args[2].at, args[2].length)); }
static void call_pwrite(void) { counted(pwrite(fd(1), args[2].at, args[2].length, number(3))); }
static void call_lseek(void) { counted(lseek(fd(1), number(2), flags(3))); }
static void call_truncate(void) { done(truncate(text(1), number(2))); }
static void call_ftruncate(void) { done(ftruncate(fd(1), number(2))); }
static void call_fallocate(void) { done(fallocate(fd(1), flags(2), number(3), number(4))); }
static void call_fsync(void) { done(fsync(fd(1))); }
static void call_fdatasync(void) { done(fdatasync(fd(1))); }

static void call_copy(void) {
  off_t from = number(2), to = number(4);
  counted(copy_file_range(fd(1), &from, fd(3), &to, number(5), number(6)));
}

static void call_mkdir(void) { done(mkdir(text(1), number(2))); }
static void call_rmdir(void) { done(rmdir(text(1))); }
static void call_unlink(void) { done(unlink(text(1))); }
static void call_link(void) { done(link(text(1), text(2))); }
static void call_linkat(void) { done(linkat(AT_FDCWD, text(1), AT_FDCWD, text(2), flags(3))); }
static void call_flink(void) { done(linkat(fd(1), "", AT_FDCWD, text(2), AT_EMPTY_PATH)); }
static void call_symlink(void) { done(symlink(text(1), text(2))); }
static void call_readlink(void) { taken(readlink(text(1), room, ROOM)); }
static void call_rename(void) { done(rename(text(1), text(2))); }
static void call_renameat2(void) { done(renameat2(AT_FDCWD, text(1), AT_FDCWD, text(2), flags(3))); }
static void call_chdir(void) { done(chdir(text(1))); }
static void call_access(void) { done(faccessat(AT_FDCWD, text(1), flags(2), AT_EACCESS)); }

static void call_mknod(void) { done(mknod(text(1), flags(2) | number(3), makedev(number(4), number(5)))); }

static void call_stat(void) {
  struct stat st;
  put_stat(stat(text(1), &st), &st);
}
static void call_lstat(void) {
  struct stat st;
  put_stat(lstat(text(1), &st), &st);
}
static void call_fstat(void) {
  struct stat st;
  put_stat(fstat(fd(1), &st), &st);
}

static void call_statfs(void) {
  struct statfs fs;
  if (statfs(text(1), &fs) < 0)
    failed();
  else
    printf("namelen=%ld", (long)fs.f_namelen);
}

static void call_chmod(void) { done(chmod(text(1), number(2))); }
static void call_fchmod(void) { done(fchmod(fd(1), number(2))); }
static void call_chown(void) { done(chown(text(1), number(2), number(3))); }
static void call_lchown(void) { done(lchown(text(1), number(2), number(3))); }
static void call_fchown(void) { done(fchown(fd(1), number(2), number(3))); }
static void call_umask(void) {
  umask(number(1));
  printf("ok");
}
static void call_utimensat(void) {
  struct timespec times[2] = {stamp(2), stamp(3)};
  done(utimensat(AT_FDCWD, text(1), times, flags(4)));
}
static void call_futimens(void) {
  struct timespec times[2] = {stamp(2), stamp(3)};
  done(futimens(fd(1), times));
}
static void call_touch(void) { done(utimensat(AT_FDCWD, text(1), NULL, 0)); }

static void call_setxattr(void) { done(lsetxattr(text(1), text(2), args[3].at, args[3].length, flags(4))); }
static void call_getxattr(void) { taken(lgetxattr(text(1), text(2), room, number(3))); }
static void call_xattrsize(void) { counted(lgetxattr(text(1), text(2), NULL, 0)); }
static void call_removexattr(void) { done(lremovexattr(text(1), text(2))); }

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void put_sorted(char **all, int count) {
  qsort(all, count, sizeof *all, by_name);
  if (count == 0) printf("''");
  for (int i = 0; i < count; i++) {
    if (i) putchar(' ');
    put_bytes(all[i], strlen(all[i]));
  }
}

/* The names of xattrs, without those that Linux's security modules add. */
static void call_listxattr(void) {
  ssize_t length = llistxattr(text(1), room, number(2) ? number(2) : ROOM);
  if (length < 0) {
    failed();
    return;
  }
  char *all[512];
  int count = 0;
  for (char *at = room; at < room + length && count < 512; at += strlen(at) + 1) all[count++] = at;
  put_sorted(all, count);
}

static void call_list(void) {
  DIR *dir = opendir(text(1));
  if (!dir) {
    failed();
    return;
  }
  static const char types[] = "?pc?d?b?-?l?s";
  char *all[4096];
  int count = 0;
  for (struct dirent *entry; count < 4096 && (entry = readdir(dir));) {
    all[count] = malloc(strlen(entry->d_name) + 3);
    sprintf(all[count++], "%s:%c", entry->d_name, entry->d_type < 13 ? types[entry->d_type] : '?');
  }
  closedir(dir);
  put_sorted(all, count);
  for (int i = 0; i < count; i++) free(all[i]);
}

static int all_of(DIR *dir, char (*all)[256], long *after) {
  int count = 0;
  for (struct dirent *entry; count < 1024 && (entry = readdir(dir)); count++) {
    strcpy(all[count], entry->d_name);
    after[count] = telldir(dir);
  }
  return count;
}

static char listed[1024][256], again[1024][256];
static long after[1024], ignored[1024];

/* Whether the position behind each entry gives what came behind it: in this stream, or in one that is opened later. */
static void call_dirseek(void) {
  DIR *streams[2] = {opendir(text(1)), opendir(text(1))};
  if (!streams[0] || !streams[1]) {
    failed();
    return;
  }
  int count = all_of(streams[0], listed, after), wrong = -1;
  for (int i = 0; i < count && wrong < 0; i++) {
    seekdir(streams[i % 2], after[i]);
    int rest = all_of(streams[i % 2], again, ignored);
    if (rest != count - i - 1) wrong = i;
    for (int k = 0; k < rest && wrong < 0; k++)
      if (strcmp(again[k], listed[i + 1 + k]) != 0) wrong = i;
  }
  closedir(streams[0]);
  closedir(streams[1]);
  if (wrong < 0)
    printf("%d", count);
  else
    printf("other entries behind entry %d of %d", wrong + 1, count);
}

/* As dirseek, after every second entry was removed: behind each position comes what is left of what came behind it. */
static void call_dirthin(void) {
  DIR *dir = opendir(text(1));
  if (!dir) {
    failed();
    return;
  }
  int count = all_of(dir, listed, after), wrong = -1;
  for (int i = 0; i < count; i += 2) {
    if (strcmp(listed[i], ".") == 0 || strcmp(listed[i], "..") == 0) continue;
    if (unlinkat(dirfd(dir), listed[i], 0) < 0) die("an entry cannot be removed");
    listed[i][0] = 0;
  }
  for (int i = 0; i < count && wrong < 0; i++) {
    seekdir(dir, after[i]);
    int rest = all_of(dir, again, ignored), seen = 0;
    for (int k = i + 1; k < count && wrong < 0; k++)
      if (listed[k][0] && (seen >= rest || strcmp(again[seen++], listed[k]) != 0)) wrong = i;
    if (seen != rest) wrong = i;
  }
  closedir(dir);
  if (wrong < 0)
    printf("%d", count);
  else
    printf("other entries behind entry %d of %d", wrong + 1, count);
}

/* Removes each entry as soon as it is listed, through a buffer of a few entries. Says how many were seen. */
static void call_dirdrain(void) {
  int at = open(text(1), O_RDONLY | O_DIRECTORY), seen = 0;
  long length;
  char path[600];
  while ((length = syscall(SYS_getdents64, at, room, number(2))) > 0)
    for (long i = 0; i < length;) {
      struct dirent64 *entry = (struct dirent64 *)(room + i);
      i += entry->d_reclen;
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
      snprintf(path, sizeof path, "%s/%s", text(1), entry->d_name);
      if (unlink(path) < 0) {
        failed();
        return;
      }
      seen++;
    }
  if (length < 0)
    failed();
  else
    printf("%d", seen);
  close(at);
}

/* Stores bytes through a shared mapping of an open file. */
static void call_mapwrite(void) {
  long long offset = number(2);
  size_t in_page = offset % 4096;
  char *map = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd(1), offset - in_page);
  if (map == MAP_FAILED) {
    failed();
    return;
  }
  memcpy(map + in_page, args[3].at, args[3].length);
  done(msync(map, 2 * 4096, MS_SYNC));
  munmap(map, 2 * 4096);
}

/* Starts a program and gives its status, or the error of exec. */
static void call_exec(void) {
  fflush(stdout);
  pid_t child = vfork();
  if (child == 0) {
    execl(text(1), text(1), text(2), NULL);
    _exit(errno == EACCES ? 113 : errno == ETXTBSY ? 126 : 127);
  }
  int status;
  if (waitpid(child, &status, 0) < 0) die("no child");
  printf("%d", WEXITSTATUS(status));
}

/* Until the kernel's coarse clock, with which it stamps files, shows another time. */
static void call_tick(void) {
  struct timespec begin, now;
  clock_gettime(CLOCK_REALTIME_COARSE, &begin);
  do clock_gettime(CLOCK_REALTIME_COARSE, &now);
  while (begin.tv_sec == now.tv_sec && begin.tv_nsec == now.tv_nsec);
  printf("ok");
}

/* --- behaviours ------------------------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st, (void)type, (void)ftw;
  return remove(path);
}

static void call_begin(void) {
  for (int i = 0; i < FILES; i++) files[i] = -1;
  root();
  umask(0);
  if (fchdir(base) || mkdir(text(1), 0755) || chdir(text(1))) die(text(1));
  printf("ok");
}

static void call_end(void) {
  for (int i = 0; i < FILES; i++)
    if (files[i] >= 0) close(files[i]);
  root();
  if (fchdir(base) || nftw(text(1), remove_one, 16, FTW_DEPTH | FTW_PHYS)) die("it could not be removed");
  printf("ok");
}

static const struct {
  const char *name;
  void (*call)(void);
} calls[] = {
#define C(name) {#name, call_##name}
    C(begin), C(end), C(as), C(umask), C(tick), C(chdir), C(access), C(open), C(close), C(file), C(cat), C(read),
    C(pread), C(write), C(pwrite), C(lseek), C(truncate), C(ftruncate), C(fallocate), C(copy), C(fsync), C(fdatasync),
    C(mkdir), C(rmdir), C(unlink), C(link), C(linkat), C(flink), C(symlink), C(readlink), C(rename), C(renameat2),
    C(mknod), C(stat), C(lstat), C(fstat), C(statfs), C(chmod), C(fchmod), C(chown), C(lchown), C(fchown), C(utimensat),
    C(futimens), C(touch), C(setxattr), C(getxattr), C(xattrsize), C(removexattr), C(listxattr), C(list), C(dirseek), C(dirthin),
    C(dirdrain), C(mapwrite), C(exec),
#undef C
};

/* Takes the words apart, with `number` in place of each @ where it is not negative, and makes the call. */
static void make_call(char *const *words, int count, int number) {
  for (int i = 0; i < MAX_ARGS; i++) {
    free(args[i].at);
    args[i] = (struct bytes){NULL, 0};
  }
  char word[8192];
  for (int i = 0; i < count; i++) {
    size_t length = 0;
    for (const char *c = words[i]; *c && length < sizeof word - 16; c++)
      if (*c == '@' && number >= 0)
        length += sprintf(word + length, "%d", number);
      else
        word[length++] = *c;
    word[length] = 0;
    args[i] = decode(word);
  }
  size_t k = 0;
  while (k < sizeof calls / sizeof *calls && strcmp(calls[k].name, text(0)) != 0) k++;
  if (k == sizeof calls / sizeof *calls) die(text(0));
  calls[k].call();
}

static void run(char *line) {
  char *words[MAX_ARGS], *save;
  int count = 0;
  for (char *word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
    if (count == MAX_ARGS) die("too many arguments");
    words[count++] = word;
  }
  if (count == 0) die("an empty line");
  alarm(60);
  if (strcmp(words[0], "repeat") != 0)
    make_call(words, count, -1);
  else if (count < 5)
    die("what is to be repeated?");
  else
    for (int i = atoi(words[1]), to = atoi(words[2]), step = atoi(words[3]); i < to; i += step) {
      make_call(words + 4, count - 4, i);
      if (i + step < to) putchar(' ');
    }
  putchar('\n');
}

int main(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1])) die("usage: lab-calls DIRECTORY < calls");
  base = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  char *line = NULL;
  size_t size = 0;
  while (getline(&line, &size, stdin) > 0) run(line);
  if (fflush(stdout) || ferror(stdout)) die("the output is lost");
  return 0;
}
