// SPDX-License-Identifier: MIT
/*
 * lab-attr: calls on files for which busybox has no program. Prints what comes back; a failed call prints its name and
 * the error's, and ends with 1.
 *
 *   lab-attr flags PATH [+-=LETTERS]     inode flags by FS_IOC_GETFLAGS, SETFLAGS: i immutable, a append only, d nodump,
 *                                        A noatime; - for none
 *   lab-attr xflags PATH [+-=LETTERS]    the same by FS_IOC_FSGETXATTR, FSSETXATTR; tells the pieces of content too
 *   lab-attr ioctl PATH COMMAND          any other command, with a page of zeroes
 *   lab-attr birth PATH                  time of birth by statx
 *   lab-attr fallocate FILE HOW OFFSET LENGTH   HOW: size, keep, punch, zero, zero-keep, or a number
 *   lab-attr map FILE                    data and holes by lseek
 *   lab-attr copy FROM OFFSET TO OFFSET LENGTH  copy_file_range; tells how many bytes
 *   lab-attr tmpfile DIR [NAME]          O_TMPFILE takes what comes on stdin, and a name where one is given
 *   lab-attr poll FILE                   what a file opened for reading and writing is ready for
 *   lab-attr setxattr PATH NAME VALUE [create|replace]
 *   lab-attr getxattr PATH NAME [SIZE]   SIZE: of the buffer; 0 asks for the size
 *   lab-attr listxattr PATH [SIZE]
 *   lab-attr rmxattr PATH NAME
 *   lab-attr open PATH FLAGS             opens with rd, wr, rw and app, trunc behind a comma
 *   lab-attr as UID PROGRAM [ARGUMENT...]       as that user, of the group of the same number and no other
 *   lab-attr pwrite FILE OFFSET TEXT     with FILE opened for writing; a further argument: O_APPEND
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 1
#define FALLOC_FL_PUNCH_HOLE 2
#define FALLOC_FL_ZERO_RANGE 16
#endif

/* Ends with the error of a failed call. */
static long done(const char *call, long result)
{
	if (result >= 0)
		return result;
	printf("%s: %s\n", call, strerrorname_np(errno));
	exit(1);
}

static __attribute__((noreturn)) void usage(void)
{
	fputs("lab-attr: flags, xflags, ioctl, birth, fallocate, map, copy, tmpfile, poll, setxattr, getxattr,\n"
	      "listxattr, rmxattr, open, pwrite or as, and what it is about; the source says more\n", stderr);
	exit(2);
}

static const struct {
	char letter;
	unsigned int flag, xflag;
} LETTERS[] = {
	{ 'i', FS_IMMUTABLE_FL, FS_XFLAG_IMMUTABLE },
	{ 'a', FS_APPEND_FL, FS_XFLAG_APPEND },
	{ 'd', FS_NODUMP_FL, FS_XFLAG_NODUMP },
	{ 'A', FS_NOATIME_FL, FS_XFLAG_NOATIME },
	/* Two that this file system does not keep. */
	{ 'c', FS_COMPR_FL, 0 },
	{ 'S', FS_SYNC_FL, FS_XFLAG_SYNC },
};
enum { COUNT = sizeof(LETTERS) / sizeof(LETTERS[0]) };

static unsigned int bits_of(const char *letters, int x)
{
	unsigned int bits = 0;
	int i;

	for (; *letters; letters++) {
		for (i = 0; i < COUNT && LETTERS[i].letter != *letters; i++)
			;
		if (i == COUNT)
			usage();
		bits |= x ? LETTERS[i].xflag : LETTERS[i].flag;
	}
	return bits;
}

static unsigned int changed(unsigned int old, const char *change, int x)
{
	unsigned int bits = bits_of(change + 1, x);

	switch (*change) {
	case '+':
		return old | bits;
	case '-':
		return old & ~bits;
	case '=':
		return bits;
	}
	usage();
}

static void print_flags(unsigned int bits, int x)
{
	int i, any = 0;

	for (i = 0; i < COUNT; i++) {
		unsigned int bit = x ? LETTERS[i].xflag : LETTERS[i].flag;

		if (bit && bits & bit) {
			putchar(LETTERS[i].letter);
			any = 1;
			bits &= ~bit;
		}
	}
	if (bits)
		printf("%s0x%x", any ? "+" : "", bits);
	else if (!any)
		putchar('-');
}

static void flags(const char *path, const char *change)
{
	int fd = done("open", open(path, O_RDONLY | O_NONBLOCK)), value;

	done("FS_IOC_GETFLAGS", ioctl(fd, FS_IOC_GETFLAGS, &value));
	if (change) {
		value = changed(value, change, 0);
		done("FS_IOC_SETFLAGS", ioctl(fd, FS_IOC_SETFLAGS, &value));
		return;
	}
	print_flags(value, 0);
	putchar('\n');
}

static void xflags(const char *path, const char *change)
{
	int fd = done("open", open(path, O_RDONLY | O_NONBLOCK));
	struct fsxattr value;

	done("FS_IOC_FSGETXATTR", ioctl(fd, FS_IOC_FSGETXATTR, &value));
	if (change) {
		value.fsx_xflags = changed(value.fsx_xflags, change, 1);
		done("FS_IOC_FSSETXATTR", ioctl(fd, FS_IOC_FSSETXATTR, &value));
		return;
	}
	print_flags(value.fsx_xflags, 1);
	printf(", %u pieces, project %u\n", value.fsx_nextents, value.fsx_projid);
}

static void any_ioctl(const char *path, unsigned long command)
{
	static char page[4096];
	int fd = done("open", open(path, O_RDONLY));

	printf("%ld\n", done("ioctl", ioctl(fd, command, page)));
}

static void birth(const char *path)
{
	struct statx stx;

	done("statx", statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &stx));
	if (!(stx.stx_mask & STATX_BTIME)) {
		puts("unknown");
		return;
	}
	printf("%lld.%09u\n", (long long)stx.stx_btime.tv_sec, stx.stx_btime.tv_nsec);
}

static int how(const char *name)
{
	if (!strcmp(name, "size"))
		return 0;
	if (!strcmp(name, "keep"))
		return FALLOC_FL_KEEP_SIZE;
	if (!strcmp(name, "punch"))
		return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	if (!strcmp(name, "zero"))
		return FALLOC_FL_ZERO_RANGE;
	if (!strcmp(name, "zero-keep"))
		return FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
	return strtol(name, NULL, 0);
}

static void map(const char *path)
{
	int fd = done("open", open(path, O_RDONLY));
	struct stat st;
	off_t at = 0;

	done("fstat", fstat(fd, &st));
	while (at < st.st_size) {
		off_t data = lseek(fd, at, SEEK_DATA);

		if (data < 0 && errno != ENXIO)
			done("SEEK_DATA", -1);
		if (data < 0)
			data = st.st_size;
		if (data > at)
			printf("hole %lld to %lld\n", (long long)at, (long long)data);
		if (data == st.st_size)
			break;
		at = lseek(fd, data, SEEK_HOLE);
		if (at < 0)
			done("SEEK_HOLE", -1);
		printf("data %lld to %lld\n", (long long)data, (long long)at);
	}
	/* Behind the end there is neither. */
	at = lseek(fd, st.st_size, SEEK_HOLE);
	printf("end %lld: %s\n", (long long)st.st_size, at < 0 ? strerrorname_np(errno) : "not refused");
}

static void copy(char **argv)
{
	int from = done("open", open(argv[0], O_RDONLY)), to = done("open", open(argv[2], O_RDWR | O_CREAT, 0644));
	off_t in = strtoll(argv[1], NULL, 0), out = strtoll(argv[3], NULL, 0);
	long long left = strtoll(argv[4], NULL, 0), total = 0;

	while (left > 0) {
		size_t part = left > 0x40000000 ? 0x40000000 : left;
		ssize_t size = done("copy_file_range", copy_file_range(from, &in, to, &out, part, 0));

		if (size == 0)
			break;
		total += size;
		left -= size;
	}
	printf("%lld\n", total);
}

static void tmpfile_in(const char *dir, const char *name)
{
	int fd = done("open", open(dir, O_TMPFILE | O_RDWR, 0666));
	struct stat st;
	char buffer[4096];
	ssize_t size;

	while ((size = done("read", read(0, buffer, sizeof(buffer)))) > 0)
		done("write", write(fd, buffer, size));
	done("fstat", fstat(fd, &st));
	printf("links %d, size %lld, mode %o\n", (int)st.st_nlink, (long long)st.st_size, st.st_mode);
	if (!name)
		return;
	done("linkat", linkat(fd, "", AT_FDCWD, name, AT_EMPTY_PATH));
	done("fstat", fstat(fd, &st));
	printf("links %d\n", (int)st.st_nlink);
	/* It is a file like any other now: without its name, it gets none again. */
	done("unlink", unlink(name));
	printf("again: %s\n", linkat(fd, "", AT_FDCWD, name, AT_EMPTY_PATH) < 0 ? strerrorname_np(errno) : "ok");
	if (lseek(fd, 0, SEEK_SET) == 0) {
		int to = done("open", open(name, O_WRONLY | O_CREAT | O_EXCL, 0644));

		while ((size = done("read", read(fd, buffer, sizeof(buffer)))) > 0)
			done("write", write(to, buffer, size));
	}
}

static void poll_file(const char *path)
{
	struct pollfd one = {
		.fd = done("open", open(path, O_RDWR)),
		.events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM,
	};

	long ready = done("poll", poll(&one, 1, 0));

	printf("%ld ready, events 0x%x\n", ready, one.revents);
}

static void print_bytes(const char *bytes, ssize_t size)
{
	fwrite(bytes, 1, size, stdout);
	putchar('\n');
}

static char large[70000];

static void get_xattr(const char *path, const char *name, const char *size)
{
	size_t room = size ? strtoul(size, NULL, 0) : sizeof(large);
	ssize_t got = done("getxattr", lgetxattr(path, name, large, room));

	if (room == 0)
		printf("%zd\n", got);
	else
		print_bytes(large, got);
}

static void list_xattr(const char *path, const char *size)
{
	size_t room = size ? strtoul(size, NULL, 0) : sizeof(large);
	ssize_t got = done("listxattr", llistxattr(path, large, room));
	char *at;

	if (room == 0) {
		printf("%zd\n", got);
		return;
	}
	for (at = large; at < large + got; at += strlen(at) + 1)
		puts(at);
}

static void run_as(const char *id, char **program)
{
	gid_t gid = strtoul(id, NULL, 0);

	done("setgroups", setgroups(0, NULL));
	done("setgid", setgid(gid));
	done("setuid", setuid(gid));
	execvp(program[0], program);
	done("exec", -1);
}

static int open_flags(const char *text)
{
	int bits = strstr(text, "rw") ? O_RDWR : strstr(text, "wr") ? O_WRONLY : O_RDONLY;

	return bits | (strstr(text, "app") ? O_APPEND : 0) | (strstr(text, "trunc") ? O_TRUNC : 0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const char *path = argv[2], *third = argc > 3 ? argv[3] : NULL;

	if (argc < 3)
		usage();
	if (!strcmp(what, "flags"))
		flags(path, third);
	else if (!strcmp(what, "xflags"))
		xflags(path, third);
	else if (!strcmp(what, "ioctl") && argc == 4)
		any_ioctl(path, strtoul(third, NULL, 0));
	else if (!strcmp(what, "birth"))
		birth(path);
	else if (!strcmp(what, "fallocate") && argc == 6)
		done("fallocate", fallocate(done("open", open(path, O_RDWR | O_CREAT, 0644)), how(third),
					    strtoll(argv[4], NULL, 0), strtoll(argv[5], NULL, 0)));
	else if (!strcmp(what, "map"))
		map(path);
	else if (!strcmp(what, "copy") && argc == 7)
		copy(argv + 2);
	else if (!strcmp(what, "tmpfile"))
		tmpfile_in(path, third);
	else if (!strcmp(what, "poll"))
		poll_file(path);
	else if (!strcmp(what, "setxattr") && argc >= 5)
		done("setxattr", lsetxattr(path, third, argv[4], strlen(argv[4]),
					   argc < 6 ? 0 : !strcmp(argv[5], "create") ? XATTR_CREATE : XATTR_REPLACE));
	else if (!strcmp(what, "getxattr") && argc >= 4)
		get_xattr(path, third, argc > 4 ? argv[4] : NULL);
	else if (!strcmp(what, "listxattr"))
		list_xattr(path, third);
	else if (!strcmp(what, "rmxattr") && argc == 4)
		done("removexattr", lremovexattr(path, third));
	else if (!strcmp(what, "as") && argc >= 4)
		run_as(path, argv + 3);
	else if (!strcmp(what, "open") && argc == 4)
		done("open", open(path, open_flags(third)));
	else if (!strcmp(what, "pwrite") && argc >= 5)
		done("pwrite", pwrite(done("open", open(path, O_WRONLY | (argc > 5 ? O_APPEND : 0))), argv[4],
				      strlen(argv[4]), strtoll(third, NULL, 0)));
	else
		usage();
	return 0;
}
