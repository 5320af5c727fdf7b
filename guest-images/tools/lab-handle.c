// SPDX-License-Identifier: MIT
/*
 * lab-handle: file handles as name_to_handle_at(2) and open_by_handle_at(2) have them, as a line of text that can be
 * kept anywhere: over an unmount, a reboot, a reload of the page.
 *
 *   lab-handle get PATH...              prints the handle of each (of a symbolic link itself)
 *   lab-handle show HANDLE              what FUSE put in it: nodeid, generation
 *   lab-handle [-m DIR] stat HANDLE     "<type> ino <n> nlink <n> size <n>" of the file
 *   lab-handle [-m DIR] cat HANDLE      its content
 *   lab-handle [-m DIR] write HANDLE    its content becomes what comes on standard input
 *   lab-handle [-m DIR] ls HANDLE       the names in a directory, sorted as the server lists them
 *   lab-handle [-m DIR] path HANDLE     a path of it, where the kernel knows one
 *   lab-handle [-m DIR] hold HANDLE CMD...  runs a command with the open file as descriptor 3
 *   lab-handle [-m DIR] check           for each handle on standard input the first line of the file, or the errno
 *
 * DIR is anything on the mount, the working directory if it is not said. Status: 0; 1 with the errno's name on standard
 * error; 2 for a wrong command line.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Types of handle that FUSE makes (fs/fuse/inode.c fuse_encode_fh). */
enum { FUSE_FH = 0x81, FUSE_FH_PARENT = 0x82 };

static union {
	struct file_handle head;
	char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
} handle;

static int usage(void)
{
	fprintf(stderr,
		"usage: lab-handle get PATH... | show HANDLE | [-m DIR] (stat|cat|write|ls|path) HANDLE\n"
		"       lab-handle [-m DIR] hold HANDLE COMMAND... | [-m DIR] check\n");
	return 2;
}

static int failed(const char *what)
{
	const char *name = strerrorname_np(errno);

	fprintf(stderr, "lab-handle: %s: %s (%s)\n", what, name ? name : "?", strerror(errno));
	return 1;
}

/* TYPE:BYTES, both in hex. */
static void print_handle(void)
{
	printf("%x:", handle.head.handle_type);
	for (unsigned i = 0; i < handle.head.handle_bytes; i++)
		printf("%02x", handle.head.f_handle[i]);
	printf("\n");
}

static int parse_handle(const char *text)
{
	unsigned type, byte, bytes = 0;
	int at = 0;

	if (sscanf(text, "%x:%n", &type, &at) != 1 || at == 0)
		return -1;
	for (text += at; *text; text += 2) {
		if (bytes == MAX_HANDLE_SZ || sscanf(text, "%2x%n", &byte, &at) != 1 || at != 2)
			return -1;
		handle.head.f_handle[bytes++] = byte;
	}
	handle.head.handle_type = type;
	handle.head.handle_bytes = bytes;
	return 0;
}

static int get(char **paths)
{
	int mount_id, status = 0;

	for (; *paths; paths++) {
		handle.head.handle_bytes = MAX_HANDLE_SZ;
		if (name_to_handle_at(AT_FDCWD, *paths, &handle.head, &mount_id, 0))
			status = failed(*paths);
		else
			print_handle();
	}
	return status;
}

static void show_one(const char *what, const unsigned char *bytes)
{
	uint32_t word[3];

	memcpy(word, bytes, sizeof word);
	printf("%snodeid %" PRIu64 " generation %" PRIu32, what, (uint64_t)word[0] << 32 | word[1], word[2]);
}

static int show(void)
{
	unsigned bytes = handle.head.handle_bytes;
	int type = handle.head.handle_type;

	if (type == FUSE_FH && bytes >= 12) {
		show_one("", handle.head.f_handle);
	} else if (type == FUSE_FH_PARENT && bytes >= 24) {
		show_one("", handle.head.f_handle);
		show_one(", parent ", handle.head.f_handle + 12);
	} else {
		printf("type %x, %u bytes: no handle of FUSE", type, bytes);
	}
	printf("\n");
	return 0;
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "file";
	case S_IFDIR: return "directory";
	case S_IFLNK: return "link";
	case S_IFIFO: return "fifo";
	case S_IFSOCK: return "socket";
	case S_IFCHR: return "character device";
	case S_IFBLK: return "block device";
	default: return "?";
	}
}

static int print_stat(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return failed("fstat");
	printf("%s ino %llu nlink %lu size %lld\n", type_name(st.st_mode), (unsigned long long)st.st_ino,
	       (unsigned long)st.st_nlink, (long long)st.st_size);
	return 0;
}

static int copy(int from, int to)
{
	static char block[65536];
	ssize_t n, at, done;

	while ((n = read(from, block, sizeof block)) > 0) {
		for (at = 0; at < n; at += done) {
			done = write(to, block + at, n - at);
			if (done < 0)
				return failed("write");
		}
	}
	return n < 0 ? failed("read") : 0;
}

static int list(int fd)
{
	struct dirent *entry;
	DIR *dir = fdopendir(fd);

	if (!dir)
		return failed("fdopendir");
	errno = 0;
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			printf("%s\n", entry->d_name);
	return errno ? failed("readdir") : 0;
}

static int print_path(int fd)
{
	char name[32], path[PATH_MAX];
	ssize_t length;

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	length = readlink(name, path, sizeof path - 1);
	if (length < 0)
		return failed(name);
	printf("%.*s\n", (int)length, path);
	return 0;
}

static int hold(int fd, char **command)
{
	if (dup2(fd, 3) < 0)
		return failed("dup2");
	execvp(command[0], command);
	return failed(command[0]);
}

static int check(int mount_fd)
{
	char line[2 * MAX_HANDLE_SZ + 32];
	ssize_t n;
	int fd;

	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (parse_handle(line)) {
			fprintf(stderr, "lab-handle: %s: not a handle\n", line);
			return 2;
		}
		fd = open_by_handle_at(mount_fd, &handle.head, O_RDONLY);
		n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
		if (n < 0) {
			printf("%s\n", strerrorname_np(errno));
		} else {
			line[n] = 0;
			printf("%.*s\n", (int)strcspn(line, "\n"), line);
		}
		if (fd >= 0)
			close(fd);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *mount = ".", *what;
	int mount_fd, fd, flags;

	if (argc > 2 && !strcmp(argv[1], "-m")) {
		mount = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc == 2 && !strcmp(argv[1], "check")) {
		mount_fd = open(mount, O_RDONLY);
		return mount_fd < 0 ? failed(mount) : check(mount_fd);
	}
	if (argc < 3)
		return usage();
	what = argv[1];
	if (!strcmp(what, "get"))
		return get(argv + 2);
	if (parse_handle(argv[2])) {
		fprintf(stderr, "lab-handle: %s: not a handle\n", argv[2]);
		return 2;
	}
	if (!strcmp(what, "show"))
		return show();
	if (!strcmp(what, "stat") || !strcmp(what, "path"))
		flags = O_PATH | O_NOFOLLOW;
	else if (!strcmp(what, "cat"))
		flags = O_RDONLY;
	else if (!strcmp(what, "write"))
		flags = O_WRONLY | O_TRUNC;
	else if (!strcmp(what, "ls"))
		flags = O_RDONLY | O_DIRECTORY;
	else if (!strcmp(what, "hold") && argc > 3)
		flags = O_RDONLY;
	else
		return usage();
	mount_fd = open(mount, O_RDONLY);
	if (mount_fd < 0)
		return failed(mount);
	fd = open_by_handle_at(mount_fd, &handle.head, flags);
	if (fd < 0)
		return failed("open_by_handle_at");
	if (!strcmp(what, "stat"))
		return print_stat(fd);
	if (!strcmp(what, "path"))
		return print_path(fd);
	if (!strcmp(what, "cat"))
		return copy(fd, 1);
	if (!strcmp(what, "write"))
		return copy(0, fd);
	if (!strcmp(what, "ls"))
		return list(fd);
	return hold(fd, argv + 3);
}
